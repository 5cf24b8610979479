import { randomBytes } from "node:crypto";
import pg from "pg";
import { currentTestRun } from "./test-run.ts";

export interface TestDatabaseOptions {
  /** Names what `prepare` makes, e.g. the service whose schema it is: made once per test run, then copied. Letters, digits, underscores. */
  readonly template: string;
  /** Fills the template: roles, schema, migrations. */
  readonly prepare: (adminUrl: string) => Promise<void>;
}

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** As superuser. */
  readonly url: string;
  /** As another role of this database. */
  readonly urlAs: (role: string, password: string) => string;
  readonly drop: () => Promise<void>;
}

/** A database of its own, from the run's PostgreSQL; with a template it comes filled in about 100 ms. */
export async function createTestDatabase(template?: TestDatabaseOptions): Promise<TestDatabase> {
  const { postgresUrl: serverUrl } = await currentTestRun();
  const source = template === undefined ? "template1" : await ensureTemplate(serverUrl, template);
  const name = `test_${randomBytes(6).toString("hex")}`;
  await withClient(serverUrl, (client) => client.query(`create database ${name} template ${source}`));
  const drop = async () => {
    await withClient(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
  };
  const url = databaseUrl(serverUrl, name);
  return {
    name,
    url,
    urlAs: (role, password) => urlAs(url, role, password),
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

/** Test files in several processes ask at once: the first makes it, the others wait. Marked as a template only when it is whole. */
async function ensureTemplate(
  serverUrl: string,
  { template, prepare }: TestDatabaseOptions,
): Promise<string> {
  if (!/^\w{1,40}$/.test(template))
    throw new Error(`template name ${JSON.stringify(template)}: letters, digits and underscores only`);
  const name = `template_${template.toLowerCase()}`;
  await withClient(serverUrl, async (client) => {
    await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [name]);
    const { rows } = await client.query("select 1 from pg_database where datname = $1 and datistemplate", [
      name,
    ]);
    if (rows.length > 0) return;
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}`);
    await prepare(databaseUrl(serverUrl, name));
    await client.query(`alter database ${name} with is_template true allow_connections false`);
  });
  return name;
}

async function withClient<R>(url: string, use: (client: pg.Client) => Promise<R>): Promise<R> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function urlAs(databaseAddress: string, role: string, password: string): string {
  const url = new URL(databaseAddress);
  url.username = role;
  url.password = password;
  return url.href;
}
