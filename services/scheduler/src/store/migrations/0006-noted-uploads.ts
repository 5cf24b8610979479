import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const notedUploads: Migration = { up };

/** An upload is noted before the object store opens it and gives it an id. */
async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`alter table upload alter column s3_upload_id drop not null`.execute(db);
}
