import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const losses: Migration = { up };

async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`alter table attempt add column losses integer not null default 0`.execute(db);
}
