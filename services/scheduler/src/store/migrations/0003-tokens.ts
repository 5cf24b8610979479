import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** A placement may have several tokens. */
export const tokens: Migration = { up };

async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`
    alter table attempt_token
      drop constraint attempt_token_pkey,
      drop constraint attempt_token_token_sha256_key,
      add primary key (token_sha256)`.execute(db);
  await sql`create index attempt_token_attempt on attempt_token (attempt_id)`.execute(db);
}
