import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { up as up0001 } from "./0001-scorer.ts";
import { up as up0002 } from "./0002-finished-at.ts";
import { up as up0003 } from "./0003-open-jobs.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-scorer": { up: up0001 },
  "0002-finished-at": { up: up0002 },
  "0003-open-jobs": { up: up0003 },
};
