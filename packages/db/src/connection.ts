import type { Logger } from "@gradients/runtime";
import { Client, type ClientConfig, type CustomTypesConfig, type PoolConfig, types } from "pg";

/**
 * A prepared statement is planned for the table as it is now: a plan that was kept from when the table was empty would read all of it until the next
 * analysis. And an index is read plainly: that takes the entries of rows that have gone out of its way, while a bitmap of it visits all rows that ever waited
 * in a queue since the last vacuum (20,000 of them: 1.8 ms instead of 0.02).
 */
const PLANNING = "-c plan_cache_mode=force_custom_plan -c enable_bitmapscan=off";

export interface DatabaseOptions {
  /** postgres://role:password@host:port/database */
  readonly url: string;
  /** The service's own schema; the search path of every connection. */
  readonly schema: string;
  readonly applicationName: string;
  /** Connections at most; over all replicas of all services they stay below the server's `max_connections`. */
  readonly poolSize: number;
}

export function poolSettings(options: DatabaseOptions): PoolConfig {
  return {
    ...baseSettings(options, options.applicationName),
    max: options.poolSize,
    maxLifetimeSeconds: 1_800,
    idleTimeoutMillis: 60_000,
    statement_timeout: 5_000,
    lock_timeout: 1_000,
    idle_in_transaction_session_timeout: 10_000,
  };
}

/** A connection for LISTEN, advisory locks and migrations. Losing it is seen by its "end" event. */
export async function openClient(options: DatabaseOptions, purpose: string, logger: Logger): Promise<Client> {
  const client = new Client(baseSettings(options, `${options.applicationName} ${purpose}`));
  client.on("error", (err) => logger.warn({ err, purpose }, "database connection lost"));
  await client.connect();
  return client;
}

function baseSettings({ url, schema }: DatabaseOptions, applicationName: string): ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    options: `-c search_path=${plainName(schema)} ${PLANNING}`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: columnTypes,
  };
}

/** Schema names go into start-up options and channel names, so they need no quotes. */
export function plainName(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,50}$/.test(name)) throw new Error(`Not a plain lower-case schema name: "${name}"`);
  return name;
}

const INT8_OID = 20;
const INT8_ARRAY_OID = 1016;
const TEXT_ARRAY_OID = 1009;
const parseTextArray: (text: string) => string[] = types.getTypeParser(TEXT_ARRAY_OID as never); // array types have no name in pg's list

const columnTypes: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (format !== "binary" && oid === INT8_OID) return BigInt;
    if (format !== "binary" && oid === INT8_ARRAY_OID)
      return (text: string) => parseTextArray(text).map(BigInt);
    return types.getTypeParser(oid, format ?? "text");
  }) as typeof types.getTypeParser, // one function for all of its overloads
};
