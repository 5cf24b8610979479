import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What keeps an attempt from running, while it is queued. */
export const waitingAttempts: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`alter table attempt add column wait_reason int, add column waiting_since timestamptz`.execute(
      db,
    );
  },
};
