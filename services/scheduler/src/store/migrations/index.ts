import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { attempts } from "./0001-attempts.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-attempts": attempts,
};
