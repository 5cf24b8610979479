import {
  CompiledQuery,
  type DatabaseConnection,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  type Transaction,
  type TransactionSettings,
} from "kysely";
import type { PoolClient } from "pg";

const BEGIN = "begin; select now() as now";

/** Begins a transaction and asks for its time in one round trip. */
class TimedDriver extends PostgresDriver {
  readonly #times: WeakMap<DatabaseConnection, Date>;

  constructor(config: PostgresDialectConfig, times: WeakMap<DatabaseConnection, Date>) {
    super(config);
    this.#times = times;
  }

  override async beginTransaction(
    connection: DatabaseConnection,
    settings: TransactionSettings,
  ): Promise<void> {
    if (settings.isolationLevel || settings.accessMode) return super.beginTransaction(connection, settings);
    try {
      const { rows } = await connection.executeQuery<{ now: Date }>(CompiledQuery.raw(BEGIN));
      if (!rows[0]) throw new Error("The database did not tell its time");
      this.#times.set(connection, rows[0].now);
    } catch (error) {
      await this.#giveUp(connection);
      throw error;
    }
  }

  /** It may have begun before it failed, and Kysely ends only what has begun without a fault. A connection that does not obey is not used again. */
  async #giveUp(connection: DatabaseConnection): Promise<void> {
    type Own = Parameters<PostgresDriver["rollbackTransaction"]>[0];
    await this.rollbackTransaction(connection as Own).catch(() => {});
  }
}

export class TimedDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;
  readonly #times = new WeakMap<DatabaseConnection, Date>();

  constructor(config: PostgresDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): TimedDriver {
    return new TimedDriver(this.#config, this.#times);
  }

  /** When the server began this transaction of read committed, by its own clock. */
  startOf<T>(trx: Transaction<T>): Promise<Date> {
    return trx.getExecutor().provideConnection(async (connection) => {
      const time = this.#times.get(connection);
      if (!time) throw new Error("The transaction was begun without asking for its time");
      return time;
    });
  }
}

/** pg gives the results of several statements as a list, which Kysely does not expect: the last one counts. */
export function giveLastResult(client: PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
  const run = (text: unknown, ...rest: unknown[]) => {
    const result = query(text, ...rest);
    return text === BEGIN ? result.then((results) => (results as unknown[]).at(-1)) : result;
  };
  client.query = run as typeof client.query;
}
