import { DatabaseError, type PoolClient } from "pg";

/** What is asked so often is worth a statement that each connection keeps parsed. */
const OFTEN = 5;
/** A server process keeps some 20 KiB for each. */
const MAX_PREPARED = 200;
/** Texts that are counted: those made of lists differ by the list's length, without end. */
const MAX_COUNTED = 1_000;

/** Gives statements that are run often a name, under which connections prepare them. Shared by the connections of one pool. */
export interface StatementNames {
  /** Undefined for one that is not run often, or must not be prepared. */
  nameOf(text: string): string | undefined;
  /** From now on it is not prepared. */
  forbid(text: string): void;
}

export function createStatementNames(): StatementNames {
  const names = new Map<string, string | undefined>();
  const uses = new Map<string, number>();
  return {
    nameOf: (text) => {
      if (names.has(text) || names.size >= MAX_PREPARED) return names.get(text);
      const count = (uses.get(text) ?? 0) + 1;
      if (uses.size >= MAX_COUNTED) uses.clear();
      uses.set(text, count);
      if (count < OFTEN) return undefined;
      uses.delete(text);
      names.set(text, `often_${names.size}`);
      return names.get(text);
    },
    forbid: (text) => void names.set(text, undefined),
  };
}

/** Has the client prepare the statements with parameters that are run often, whoever runs them. */
export function prepareOften(client: PoolClient, names: StatementNames): void {
  const query = client.query.bind(client) as Query;
  const queryNamed = async (name: string, text: string, values: readonly unknown[]) => {
    try {
      return await query({ name, text, values });
    } catch (error) {
      if (!isOutdatedPlan(error)) throw error;
      names.forbid(text);
      return await query(text, values).catch((second: unknown) => {
        throw isAbortedTransaction(second) ? error : second;
      });
    }
  };
  const run: Query = (text, values, ...rest) => {
    const mayPrepare = typeof text === "string" && Array.isArray(values) && values.length > 0;
    const name = mayPrepare ? names.nameOf(text) : undefined;
    return name === undefined
      ? query(text, values, ...rest)
      : queryNamed(name, text as string, values as unknown[]);
  };
  client.query = run as typeof client.query;
}

/** A migration of a newer replica has changed the columns that a prepared statement returns. PostgreSQL has no code of its own for it. */
export function isOutdatedPlan(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === "0A000" && error.message.startsWith("cached plan");
}

function isAbortedTransaction(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === "25P02";
}

type Query = (text: unknown, values?: unknown, ...rest: unknown[]) => Promise<unknown>;
