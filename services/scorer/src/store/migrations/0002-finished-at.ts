import { type Kysely, sql } from "kysely";

/** The end of an attempt comes with the race's own entry: what was kept beside it moves there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    update race_entry set details = details || jsonb_build_object(
      'finishedAt', floor(extract(epoch from attempt_finish.finished_at) * 1000)::bigint
    )
    from attempt_finish where attempt_finish.attempt_id = race_entry.attempt_id`.execute(db);
  await sql`drop table attempt_finish`.execute(db);
}
