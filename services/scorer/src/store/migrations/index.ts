import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { up as up0001 } from "./0001-scorer.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-scorer": { up: up0001 },
};
