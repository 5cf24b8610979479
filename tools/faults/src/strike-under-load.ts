import { setTimeout as sleep } from "node:timers/promises";
import { Rng } from "@gradients/kernel";
import { checkOutcome } from "./check-outcome.ts";
import type { Customer } from "./customer.ts";
import type { Fault } from "./faults.ts";
import type { System } from "./system.ts";
import type { Violation } from "./violation.ts";

export interface StrikePlan {
  /** In random order. */
  readonly strikes: readonly Fault[];
  readonly seed: string;
  /** Mean pause between two strikes. */
  readonly meanGapMs: number;
  /** Jobs that run at a time. */
  readonly width: number;
  /** Of every job. */
  readonly contestants: number;
}

export interface StrikeReport {
  readonly violations: readonly Violation[];
  /** From killing a trainer's process to its attempt being queued anew or over. */
  readonly requeuedSeconds: readonly number[];
}

const MAX_GAPS = 4;
const DRAIN_MS = 600_000;

/** Lets faults strike at random instants while jobs run; then everything may end, and what came out is looked at. */
export async function strikeUnderLoad(
  system: System,
  customer: Customer,
  plan: StrikePlan,
): Promise<StrikeReport> {
  const rng = new Rng(plan.seed);
  const over = new AbortController();
  const pending = new Pending();
  const lanes = Array.from({ length: plan.width }, () => keepOrdering(customer, plan, over.signal));
  const load = pending.add(Promise.all(lanes));
  const requeued: Promise<number>[] = [];
  for (const fault of rng.shuffle(plan.strikes)) {
    await sleep(gap(plan, rng));
    system.history.record({ process: "faults", op: fault.name, type: "invoke", key: "" });
    const { repaired, requeuedSeconds } = await fault.strike(system, rng);
    system.history.record({ process: "faults", op: fault.name, type: "ok", key: "" });
    void pending.add(repaired);
    if (requeuedSeconds) requeued.push(pending.add(requeuedSeconds));
  }
  over.abort();
  await load;
  await pending.all();
  await customer.allEnded(DRAIN_MS);
  return {
    violations: await checkOutcome(system, [customer]),
    requeuedSeconds: await Promise.all(requeued),
  };
}

/** What is awaited when the last fault has struck; a failure before that must not go unseen, nor end the process. */
class Pending {
  readonly #work: Promise<unknown>[] = [];

  add<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {}); // seen by all()
    this.#work.push(work);
    return work;
  }

  async all(): Promise<void> {
    await Promise.all(this.#work);
  }
}

async function keepOrdering(customer: Customer, plan: StrikePlan, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const { name } = await customer.order({ contestants: plan.contestants });
    await customer.ended(name, DRAIN_MS, over);
  }
}

/** Each of them so often. */
export function repeated(faults: readonly Fault[], times: number): readonly Fault[] {
  return Array.from({ length: times }, () => faults).flat();
}

/** Exponential, so that no moment of a job is likelier than another. */
function gap({ meanGapMs }: StrikePlan, rng: Rng): number {
  return Math.min(-Math.log(1 - rng.float()), MAX_GAPS) * meanGapMs;
}
