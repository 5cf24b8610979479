import { chown } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { paths, postgresIdentity } from "../../../tools/setup/paths.mjs";
import { spawnGuarded } from "./guarded-child.ts";
import { freePort } from "./ports.ts";
import { keptSecret, makeServerFolder, type ServerFolder } from "./server-folder.ts";
import { ServerStartError, untilReady } from "./until-ready.ts";

export interface PostgresOptions {
  /** Keeps the data there; without it they go with the server. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** false: commits do not wait for the disk, quicker and lost when the machine crashes. Default true. */
  readonly durable?: boolean;
}

export interface RunningServer extends AsyncDisposable {
  readonly logFile: string;
  stop(): Promise<void>;
}

export interface Postgres extends RunningServer {
  /** Superuser, database `postgres`. */
  readonly url: string;
  readonly port: number;
}

const superuser = "gradients";
const startAttempts = 3;

/** A real PostgreSQL on 127.0.0.1, ready for connections. As root it runs under an unprivileged user. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options, options.port ?? (await freePort()));
    } catch (error) {
      const lostPort = error instanceof ServerStartError && error.message.includes("could not bind");
      if (!lostPort || options.port !== undefined || attempt === startAttempts) throw error;
    }
  }
}

async function startOnce(options: PostgresOptions, port: number): Promise<Postgres> {
  const folder = await makeServerFolder("postgres", options.dataDir, postgresIdentity);
  const password = await superuserPassword(folder);
  const child = spawnGuarded({
    command: "sh",
    args: [
      "-c",
      initialiseAndRun,
      "postgres",
      paths.postgresBin,
      folder.path,
      superuser,
      ...settings(options, port),
    ],
    identity: postgresIdentity,
    logFile: folder.logFile,
    // Fast: sessions end, a checkpoint is written. Immediate: no checkpoint, which data that is deleted anyway can do without.
    stopSignal: options.dataDir === undefined ? "QUIT" : "INT",
    stopTimeoutSeconds: 20,
    removeAtEnd: folder.removeAtEnd,
  });
  const url = `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`;
  await untilReady({ server: "PostgreSQL", child, timeoutMs: 60_000, attempt: () => connectOnce(url) });
  return { url, port, logFile: folder.logFile, stop: child.stop, [Symbol.asyncDispose]: child.stop };
}

async function superuserPassword(folder: ServerFolder): Promise<string> {
  const password = await keptSecret(folder, "password");
  if (postgresIdentity !== undefined)
    await chown(join(folder.path, "password"), postgresIdentity.uid, postgresIdentity.gid);
  return password;
}

/** A data folder under its final name is complete: an interrupted initdb leaves only `new`. */
const initialiseAndRun = `
set -e
bin=$1 folder=$2 user=$3
shift 3
if [ ! -d "$folder/data" ]; then
  rm -rf "$folder/new"
  "$bin/initdb" -D "$folder/new" -U "$user" --pwfile="$folder/password" --auth=scram-sha-256 -E UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --no-sync >/dev/null
  mv "$folder/new" "$folder/data"
fi
exec "$bin/postgres" -D "$folder/data" "$@"
`;

function settings({ durable = true }: PostgresOptions, port: number): readonly string[] {
  const chosen: Record<string, string | number> = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    max_connections: 300,
    shared_buffers: "128MB",
    timezone: "UTC",
    log_timezone: "UTC",
    jit: "off",
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  return Object.entries(chosen).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function connectOnce(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on("error", () => {}); // a connection that breaks between two queries
  try {
    await client.connect();
    await client.query("select 1");
  } finally {
    await client.end().catch(() => {});
  }
}
