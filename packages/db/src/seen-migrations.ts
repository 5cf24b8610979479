import { type Kysely, sql } from "kysely";
import { DatabaseError } from "pg";

const UNDEFINED_TABLE = "42P01";

/** Names of the migrations that the schema has been through; none where it does not exist. */
export async function seenMigrations<T>(q: Kysely<T>, schema: string): Promise<readonly string[]> {
  try {
    const table = sql.table(`${schema}.kysely_migration`);
    const { rows } = await sql<{ name: string }>`select name from ${table}`.execute(q);
    return rows.map(({ name }) => name);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === UNDEFINED_TABLE) return [];
    throw error;
  }
}
