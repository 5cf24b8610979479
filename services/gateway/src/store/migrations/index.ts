import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { tables } from "./0001-tables.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-tables": tables,
};
