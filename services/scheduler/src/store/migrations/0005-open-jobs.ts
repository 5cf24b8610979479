import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const openJobs: Migration = { up };

/** What must not stay open for ever is found without reading what is over. */
async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`create index job_open on job (job_id) where state in ('waiting', 'racing')`.execute(db);
}
