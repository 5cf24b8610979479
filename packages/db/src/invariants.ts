import { type Logger, meter, type Part } from "@gradients/runtime";
import type { ObservableCallback } from "@opentelemetry/api";
import { type Kysely, sql } from "kysely";
import type { Database } from "./database.ts";

/** What must hold for the rows of one schema at any instant between two transactions. */
export interface Invariant {
  /** Short and lasting, for figures and alerts: `open-attempt-of-closed-job`. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly text: string;
  /** Selects the rows that violate it, and says by which index. `gradients.window` is how far back it looks where there is no index of what is open. */
  readonly sql: string;
}

export interface Violation {
  readonly invariant: Invariant;
  /** The first of them. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface InvariantRules {
  /** Between two checks. */
  readonly everySeconds: number;
  /** How far back finished work is looked at. */
  readonly windowHours: number;
}

export interface InvariantCheckerOptions<T> {
  readonly db: Database<T>;
  readonly logger: Logger;
  readonly service: string;
  readonly invariants: readonly Invariant[];
  readonly rules: InvariantRules;
}

const MAX_ROWS = 20;
const STATEMENT_TIMEOUT_MS = 4_000;

/** Each in a read-only transaction of its own with a statement time-out, so that a slow one costs neither the others nor the service. Rejects when one cannot be checked. */
export async function checkInvariants<T>(
  db: Database<T>,
  invariants: readonly Invariant[],
  { windowHours }: Pick<InvariantRules, "windowHours">,
): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  for (const invariant of invariants) {
    const rows = await findViolations(db.q, invariant, windowHours);
    if (rows.length > 0) violations.push({ invariant, rows });
  }
  return violations;
}

/**
 * Checks the invariants over and over, in every replica: they only read. Violations are logged as errors with their first rows, and counted in the gauge
 * `gradients.invariant.violations`.
 */
export function createInvariantChecker<T>(options: InvariantCheckerOptions<T>): Part {
  const counts = new Map<string, number>();
  const gauge = meter("@gradients/db").createObservableGauge("gradients.invariant.violations", {
    unit: "{row}",
    description: "Rows that violate an invariant, at most 20, by service and invariant; must be 0.",
  });
  const observe: ObservableCallback = (result) => {
    for (const [invariant, count] of counts) result.observe(count, { service: options.service, invariant });
  };
  return {
    name: "invariant checker",
    run: async (signal) => {
      gauge.addCallback(observe);
      while (await pause(options.rules.everySeconds * 1_000, signal)) await checkAll(options, counts);
      gauge.removeCallback(observe);
    },
  };
}

async function checkAll<T>(
  { db, logger, invariants, rules }: InvariantCheckerOptions<T>,
  counts: Map<string, number>,
): Promise<void> {
  for (const invariant of invariants) {
    const { id, text } = invariant;
    try {
      const rows = await findViolations(db.q, invariant, rules.windowHours);
      counts.set(id, rows.length);
      if (rows.length > 0)
        logger.error({ invariant: id, text, rows: rows.slice(0, 3) }, "invariant violated");
    } catch (err) {
      counts.delete(id);
      logger.warn({ invariant: id, err }, "invariant could not be checked");
    }
  }
}

function findViolations<T>(q: Kysely<T>, { sql: query }: Invariant, windowHours: number) {
  return q
    .transaction()
    .setAccessMode("read only")
    .execute(async (trx) => {
      await sql`
        select set_config('gradients.window', ${`${windowHours} hours`}, true),
          set_config('statement_timeout', ${String(STATEMENT_TIMEOUT_MS)}, true)`.execute(trx);
      const { rows } = await sql
        .raw<Record<string, unknown>>(`select * from (${query}) as violation limit ${MAX_ROWS}`)
        .execute(trx);
      return rows;
    });
}

/** False when the signal aborted. */
function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const end = (isOver: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(isOver);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(() => end(true), milliseconds);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** SQL for the smallest UUIDv7 of the window, as uuid: ids sort by time, so their index finds what is young. */
export const windowStartId = `(lpad(to_hex((extract(epoch from now() - current_setting('gradients.window')::interval) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid`;
