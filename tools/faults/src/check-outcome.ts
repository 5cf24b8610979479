import { setTimeout as sleep } from "node:timers/promises";
import type { Servers } from "@gradients/dev/servers";
import pg from "pg";
import type { Customer } from "./customer.ts";
import { deliveryProblems, deliveryPromises } from "./delivery-problems.ts";
import type { History } from "./history.ts";
import { leftoverPromises } from "./leftovers.ts";
import { type Query, recordProblems, recordPromises } from "./record-problems.ts";
import type { Violation } from "./violation.ts";

/** The records to be looked at. */
interface Outcome {
  readonly servers: Pick<Servers, "postgres" | "nats">;
  readonly history: History;
  /** What must not be there once the last job has ended. */
  leftovers(): Promise<readonly Violation[]>;
}

/** Everything that is looked at. */
export const promiseNames: readonly string[] = [...recordPromises, ...deliveryPromises, ...leftoverPromises];

/** Leases and outboxes end a while after the last job, an upload that was cut off with a round of the sweeper; the chain pays on all the time. */
const SETTLE_MS = 120_000;

/**
 * To be asked when every accepted job has ended. Looks again until everything holds at one moment, and tells what still does not after two minutes:
 * a checker that gives up before the last consumer has caught up finds losses that there are not.
 */
export async function checkOutcome(
  outcome: Outcome,
  customers: readonly Customer[],
  settleMs = SETTLE_MS,
): Promise<readonly Violation[]> {
  const deadline = Date.now() + settleMs;
  const pool = new pg.Pool({ connectionString: outcome.servers.postgres.url, max: 2 });
  pool.on("error", () => {}); // seen by the next query
  try {
    const query: Query = async (text, values = []) => (await pool.query(text, [...values])).rows;
    for (;;) {
      const violations = await look(outcome, customers, query);
      outcome.history.record({ process: "checker", op: "look", type: "info", key: "", value: violations });
      if (violations.length === 0 || Date.now() > deadline) return violations;
      await sleep(500);
    }
  } finally {
    await pool.end();
  }
}

async function look(
  { servers, leftovers }: Outcome,
  customers: readonly Customer[],
  query: Query,
): Promise<readonly Violation[]> {
  const accepted = customers.flatMap((customer) => customer.accepted);
  const found = await Promise.all([
    recordProblems(query, accepted),
    deliveryProblems(query, servers.nats.url),
    leftovers(),
  ]);
  return found.flat();
}
