import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const accountsAndLeaders: Migration = { up };

/** Whose the work is, what a placement waits for, and the newest term of whoever leads the control loop. */
async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`
    alter table attempt
      add column account_id text not null default '',
      add column waiting jsonb`.execute(db);
  await sql`create table leader (name text primary key, term bigint not null)`.execute(db);
}
