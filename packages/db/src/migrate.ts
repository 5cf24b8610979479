import { failpoint } from "@gradients/kernel";
import { Kysely, PostgresDialect, type PostgresPool } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { Client } from "pg";
import type { Database } from "./database.ts";
import { seenMigrations } from "./seen-migrations.ts";

/**
 * Runs the migrations that this schema has not seen, in the order of their names, all or none, forward only. One process at a time does so, the others wait.
 * Lists of several packages can be merged: an unseen name may sort before a seen one. Names of migrations are never reused or renamed. What a newer release
 * has added stays: the release before it, which a rollback brings back, works with such a schema.
 */
export async function migrate<T>(
  db: Database<T>,
  migrations: Readonly<Record<string, Migration>>,
): Promise<readonly string[]> {
  const client = await db.openClient("migrate");
  const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOf(client) }) });
  try {
    failpoint("db.before-migrations");
    const done = await run(kysely, db.schema, migrations);
    failpoint("db.migrated");
    return done;
  } finally {
    await kysely.destroy();
    await client.end();
  }
}

async function run(
  kysely: Kysely<unknown>,
  schema: string,
  migrations: Readonly<Record<string, Migration>>,
): Promise<readonly string[]> {
  const migrator = new Migrator({
    db: kysely,
    provider: {
      // Asked while the migrator holds its lock, so no other process adds to it meanwhile.
      getMigrations: async () => ({ ...asDone(await seenMigrations(kysely, schema)), ...migrations }),
    },
    migrationTableSchema: schema,
    allowUnorderedMigrations: true,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  const failed = results.find((result) => result.status === "Error");
  if (error)
    throw new Error(
      failed
        ? `Migration ${failed.migrationName} of schema ${schema} failed`
        : `Could not migrate schema ${schema}`,
      { cause: error },
    );
  return results.map((result) => result.migrationName);
}

/** The migrator takes a seen migration that it is not told of for a corruption. */
function asDone(names: readonly string[]): Record<string, Migration> {
  return Object.fromEntries(names.map((name) => [name, { up: () => Promise.resolve() }]));
}

/** Kysely's dialect wants a pool; this one always hands out the same connection. */
function poolOf(client: Client): PostgresPool {
  return {
    options: {},
    connect: () => Promise.resolve(Object.assign(client, { release: () => {} })),
    end: () => Promise.resolve(),
  };
}
