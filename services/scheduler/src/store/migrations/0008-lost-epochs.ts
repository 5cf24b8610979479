import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const lostEpochs: Migration = { up };

/** Which placements were counted as lost, so that one that turns out to be the platform's is taken back, and only once. */
async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`alter table attempt add column lost_epochs integer[] not null default '{}'`.execute(db);
}
