import { sql } from "kysely";
import type { Migration } from "kysely/migration";

/** All work has the same priority. Processes of the version before still write the column, so it stays for one more. */
export const noPriority: Migration = {
  up: async (db) => void (await sql`alter table attempt alter column priority drop not null`.execute(db)),
};
