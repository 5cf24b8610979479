import pg from "pg";

/** As superuser and without foreign keys and triggers: puts what cannot come to be into a schema whose other rows are removed first. */
export async function plantRows(
  adminUrl: string,
  schema: string,
  statements: readonly string[],
): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`set search_path to ${schema}; set session_replication_role to replica`);
    const { rows } = await client.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = $1 and table_name not like 'kysely%'",
      [schema],
    );
    await client.query(`truncate ${rows.map(({ name }) => name).join(", ")}`);
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
