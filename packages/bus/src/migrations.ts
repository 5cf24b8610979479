import type { Migration } from "kysely/migration";
import { up as up0000 } from "./migrations/0000-bus.ts";

/** Merge into the service's own: `migrate(db, { ...busMigrations, ...migrations })`. */
export const busMigrations: Readonly<Record<string, Migration>> = {
  "0000-bus": { up: up0000 },
};
