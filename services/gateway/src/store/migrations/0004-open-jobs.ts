import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What must not stay open for ever is found without reading what is over. */
export const openJobs: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create index job_open on job (job_id) where ended_at is null`.execute(db);
  },
};
