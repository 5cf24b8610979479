import { failpoint } from "@gradients/kernel";
import { inSpan, isTraced, type Logger, meter, withBackoff } from "@gradients/runtime";
import type { BatchObservableResult } from "@opentelemetry/api";
import { Kysely, type Transaction } from "kysely";
import { type Client, Pool } from "pg";
import { type DatabaseOptions, openClient, poolSettings } from "./connection.ts";
import { isTransient } from "./errors.ts";
import { listen } from "./listen.ts";
import { createNotices, type Notice, type Notices } from "./notices.ts";
import { createStatementNames, prepareOften } from "./prepared-statements.ts";
import { giveLastResult, TimedDialect } from "./timed-driver.ts";

/** A transaction with the database's time of its start, the only time that decisions inside it may use. */
export type Tx<T> = Transaction<T> & {
  readonly now: Date;
  /** Wakes those who listen to the channel once the transaction has committed. A crash in between loses it, so they look by themselves now and then. */
  readonly notifyAfterCommit: (channel: string, payload?: string) => void;
};

/** One service's own schema, through one pool. */
export interface Database<T> {
  readonly schema: string;
  /** For single statements outside a transaction. */
  readonly q: Kysely<T>;
  /** Runs `fn` in a read-committed transaction; anew, up to 5 times, after a serialization failure, a deadlock or a lock that stayed taken, so `fn` has no effects outside of it. */
  tx<R>(fn: (tx: Tx<T>) => Promise<R>): Promise<R>;
  /**
   * Calls `onNotify` with the payload of each notification that a transaction sent to `channel` of this schema, and with "" whenever the connection was made
   * anew and something may have been missed. What this object's own transactions tell comes without a detour through the server. `onNotify` must not throw.
   * Resolves when the signal aborts.
   */
  listen(channel: string, onNotify: (payload: string) => void, signal: AbortSignal): Promise<void>;
  /** A connection of its own outside the pool, without statement or lock time-outs. The caller ends it. */
  openClient(purpose: string): Promise<Client>;
  close(): Promise<void>;
}

const MAX_TRIES = 5;

/** Connects on first use. int8 columns are read as bigint, timestamptz as Date, json parsed. */
export function createDatabase<T>(options: DatabaseOptions, logger: Logger): Database<T> {
  const pool = createPool(options, logger);
  const stopObserving = observePool(pool, options.schema);
  const dialect = new TimedDialect({ pool });
  const q = new Kysely<T>({ dialect });
  const open = (purpose: string) => openClient(options, purpose, logger);
  const notices = createNotices(q, options.schema, logger);
  const span = {
    scope: "@gradients/db",
    name: `transaction ${options.schema}`,
    attributes: { "db.system.name": "postgresql", "db.namespace": options.schema },
  };
  const traced = <R>(fn: () => Promise<R>) => (isTraced() ? inSpan(span, fn) : fn());
  const retry = {
    what: "transaction",
    logger,
    maxAttempts: MAX_TRIES,
    isRetryable: isTransient,
    initialMs: 10,
  };
  return {
    schema: options.schema,
    q,
    tx: (fn) => traced(() => withBackoff(retry, () => runTransaction({ q, dialect, notices }, fn))),
    listen: (channel, onNotify, signal) =>
      listen({ open, logger, notices, schema: options.schema, channel, onNotify, signal }),
    openClient: open,
    close: async () => {
      stopObserving();
      await q.destroy();
    },
  };
}

function createPool(options: DatabaseOptions, logger: Logger): Pool {
  const pool = new Pool(poolSettings(options));
  pool.on("error", (err) => logger.warn({ err }, "idle database connection lost"));
  // The pool watches idle connections only; without a listener, losing one in use would end the process. Its query fails as well and tells.
  const names = createStatementNames();
  pool.on("connect", (client) => {
    client.on("error", (err) => logger.debug({ err }, "database connection lost"));
    prepareOften(client, names);
    giveLastResult(client);
  });
  return pool;
}

/** Callers that wait for a connection: the first sign of a pool that is too small or a transaction that is too long. */
function observePool(pool: Pool, schema: string): () => void {
  const waiting = meter("@gradients/db").createObservableGauge("db.client.connection.pending_requests", {
    unit: "{request}",
    description: "Callers that wait for a database connection, by schema.",
  });
  const connections = meter("@gradients/db").createObservableGauge("db.client.connection.count", {
    unit: "{connection}",
    description: "Connections of the pool, by schema and state.",
  });
  const observe = (result: BatchObservableResult) => {
    const namespace = { "db.namespace": schema };
    result.observe(waiting, pool.waitingCount, namespace);
    const idle = pool.idleCount;
    result.observe(connections, idle, { ...namespace, "db.client.connection.state": "idle" });
    result.observe(connections, pool.totalCount - idle, {
      ...namespace,
      "db.client.connection.state": "used",
    });
  };
  meter("@gradients/db").addBatchObservableCallback(observe, [waiting, connections]);
  return () => meter("@gradients/db").removeBatchObservableCallback(observe, [waiting, connections]);
}

async function runTransaction<T, R>(
  { q, dialect, notices }: Inner<T>,
  fn: (tx: Tx<T>) => Promise<R>,
): Promise<R> {
  failpoint("db.before-begin");
  const toTell: Notice[] = [];
  const notifyAfterCommit: Tx<T>["notifyAfterCommit"] = (channel, payload = "") =>
    void toTell.push({ channel, payload });
  const result = await q.transaction().execute(async (trx) => {
    const now = await dialect.startOf(trx);
    failpoint("db.begun");
    const value = await fn(Object.assign(trx, { now, notifyAfterCommit }));
    failpoint("db.before-commit");
    return value;
  });
  failpoint("db.committed");
  notices.tell(toTell);
  return result;
}

interface Inner<T> {
  readonly q: Kysely<T>;
  readonly dialect: TimedDialect;
  readonly notices: Notices;
}
