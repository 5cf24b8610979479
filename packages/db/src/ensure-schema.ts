import { setTimeout as delay } from "node:timers/promises";
import { Client, DatabaseError, escapeIdentifier, escapeLiteral } from "pg";
import { plainName } from "./connection.ts";

export interface SchemaOptions {
  readonly schema: string;
  readonly role: string;
  readonly password: string;
}

/** Roles belong to the whole server, so others may create or alter the same one at the same moment, in any database. */
const raceCodes = new Set(["23505", "42710", "42P06", "XX000", "40001", "40P01"]);
const MAX_TRIES = 10;

/**
 * Makes the role (able to log in, owner of nothing but its schema) and the schema exist, in the database that `adminUrl` names. Any number may do so at once.
 * Returns the URL by which the role reaches its schema.
 */
export async function ensureSchema(adminUrl: string, options: SchemaOptions): Promise<string> {
  const client = new Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await settleRaces(() => inTransaction(client, (run) => createAll(run, options)));
  } finally {
    await client.end();
  }
  return urlOf(adminUrl, options);
}

async function createAll(run: Run, { schema, role, password }: SchemaOptions): Promise<void> {
  const [quotedSchema, quotedRole] = [escapeIdentifier(plainName(schema)), escapeIdentifier(role)];
  await run("select pg_advisory_xact_lock(hashtextextended('gradients:ensure-schema', 0))");
  const exists = await run(`select 1 from pg_roles where rolname = ${escapeLiteral(role)}`);
  await run(`${exists ? "alter" : "create"} role ${quotedRole} login password ${escapeLiteral(password)}`);
  await run(`grant ${quotedRole} to current_user`);
  await run(`create schema if not exists ${quotedSchema} authorization ${quotedRole}`);
  await run(`alter role ${quotedRole} set search_path = ${quotedSchema}`);
}

async function inTransaction(client: Client, fn: (run: Run) => Promise<void>): Promise<void> {
  await client.query("begin");
  try {
    await fn(async (statement) => ((await client.query(statement)).rowCount ?? 0) > 0);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

async function settleRaces(fn: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn();
    } catch (error) {
      if (attempt >= MAX_TRIES || !(error instanceof DatabaseError) || !raceCodes.has(error.code ?? ""))
        throw error;
      await delay(20 * attempt * Math.random());
    }
  }
}

function urlOf(adminUrl: string, { role, password }: SchemaOptions): string {
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(role);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** Runs one statement; true when it returned or changed a row. */
type Run = (statement: string) => Promise<boolean>;
