import {
  createLogger,
  type Logger,
  loadConfig,
  type StandaloneCommand,
  secret,
  withBackoff,
} from "@gradients/runtime";
import type { Migration } from "kysely/migration";
import { z } from "zod";
import { createDatabase, type Database } from "./database.ts";
import { ensureSchema } from "./ensure-schema.ts";
import { isOutage } from "./errors.ts";
import { migrate } from "./migrate.ts";
import { seenMigrations } from "./seen-migrations.ts";

export interface SchemaCommandsOptions {
  readonly service: string;
  /** Of the service's own schema, where its variable does not name another. */
  readonly schema: string;
  readonly migrations: Readonly<Record<string, Migration>>;
}

/** Between two looks, at most. */
const WAIT_MS = 2_000;

/**
 * The subcommands `migrate` and `await-schema` of a service's program. A deployment runs the first once and lets every new process wait by the second, so that
 * a migration that fails stops the rollout and not the service. They need the database's variables and nothing else.
 */
export function schemaCommands(options: SchemaCommandsOptions): Readonly<Record<string, StandaloneCommand>> {
  return {
    migrate: {
      summary:
        "brings the database schema up to this release; with <SERVICE>_DATABASE_ADMIN_URL it makes the role and the schema first",
      runAlone: ({ env, argv }, signal) => runMigrate(options, loadSettings(options, env, argv), signal),
    },
    "await-schema": {
      summary: "waits until the database schema has everything that this release needs",
      runAlone: ({ env, argv }, signal) => awaitSchema(options, loadSettings(options, env, argv), signal),
    },
  };
}

function loadSettings(
  { service, schema }: SchemaCommandsOptions,
  env: NodeJS.ProcessEnv,
  argv: readonly string[],
) {
  const database = z.object({
    url: secret(z.string().min(1)).describe(
      "postgres://role:password@host:port/database of the service's own role.",
    ),
    schema: z.string().default(schema).describe("The service's own Postgres schema."),
    adminUrl: secret(z.string().min(1))
      .optional()
      .describe("The same database as a role that may create roles and schemas; used by migrate alone."),
  });
  return loadConfig({ service, schema: z.object({ database }), env, argv }).database;
}

type Settings = ReturnType<typeof loadSettings>;

async function runMigrate(
  { service, migrations }: SchemaCommandsOptions,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const logger = createLogger({ service: `${service} migrate`, level: "info" });
  const retry = { what: "reach the database", logger, signal, maxMs: WAIT_MS, isRetryable: isOutage };
  const done = await withBackoff(retry, async () => {
    if (settings.adminUrl !== undefined) await ensureSchema(settings.adminUrl, ownerOf(settings));
    return withDatabase(service, settings, logger, (db) => migrate(db, migrations));
  });
  logger.info({ schema: settings.schema, migrations: done }, "schema is up to date");
}

/** Role and password as the service's own URL has them. */
function ownerOf({ url, schema }: Settings) {
  const { username, password } = new URL(url);
  return { schema, role: decodeURIComponent(username), password: decodeURIComponent(password) };
}

async function awaitSchema(
  { service, migrations }: SchemaCommandsOptions,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const logger = createLogger({ service: `${service} await-schema`, level: "info" });
  await withDatabase(service, settings, logger, (db) =>
    withBackoff({ what: "wait for the schema", logger, signal, maxMs: WAIT_MS }, async () => {
      const missing = await missingMigrations(db, migrations);
      if (missing.length > 0) throw new Error(`The schema ${db.schema} lacks ${missing.join(", ")}`);
    }),
  );
  logger.info({ schema: settings.schema }, "schema is ready");
}

async function withDatabase<R>(
  service: string,
  { url, schema }: Settings,
  logger: Logger,
  fn: (db: Database<unknown>) => Promise<R>,
): Promise<R> {
  const db = createDatabase<unknown>(
    { url, schema, applicationName: `${service} schema`, poolSize: 2 },
    logger,
  );
  try {
    return await fn(db);
  } finally {
    await db.close();
  }
}

async function missingMigrations(
  { q, schema }: Database<unknown>,
  migrations: SchemaCommandsOptions["migrations"],
): Promise<readonly string[]> {
  const seen = new Set(await seenMigrations(q, schema));
  return Object.keys(migrations).filter((name) => !seen.has(name));
}
