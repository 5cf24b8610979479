import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** The trace of a job goes on to the weights that pay for it. */
export const chainBridge0002: Migration = {
  up: async (db) => {
    await sql`alter table scored_job add column traceparent text`.execute(db);
    await sql`alter table weight_submission add column traceparent text`.execute(db);
  },
};
