import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Rows that a job's split left out, by reason; jobs from before do not tell. */
export const droppedRows: Migration = {
  async up(db: Kysely<unknown>) {
    await sql.raw("alter table job add column dropped_rows jsonb not null default '{}'").execute(db);
  },
};
