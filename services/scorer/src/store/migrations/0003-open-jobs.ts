import { type Kysely, sql } from "kysely";

/** What must not stay open for ever is found without reading what is over. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index job_open on job (deadline)
    where state in ('splitting', 'racing', 'evaluating', 'judging')`.execute(db);
}
