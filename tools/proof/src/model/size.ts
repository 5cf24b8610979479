import type { Consumer } from "./messages.ts";

/** How much of the system is explored. */
export interface Size {
  readonly name: string;
  readonly jobs: number;
  /** Contestants per job. */
  readonly attempts: number;
  /** Pods that may run at the same time. */
  readonly workers: number;
  readonly maxRetries: number;
  /** `pods`: evaluations are placed and run like attempts; `at once`: they are answered when asked for. */
  readonly evaluations: "pods" | "at once";
  /** Consumers that take their events in before anything else happens; faults of delivery happen to them all the same. */
  readonly prompt: readonly Consumer[];
  readonly budget: Budget;
}

/** How often each fault or whim may happen in one history. */
export interface Budget {
  /** A pod or its node dies, a service dies between two steps, an answer is lost, a pod is silent for longer than its lease. */
  readonly crashes: number;
  /** A message comes again after it was acked. */
  readonly duplicates: number;
  /** A message is overtaken by later ones. */
  readonly delays: number;
  readonly cancels: number;
  /** A recipe, a split or an evaluation fails by itself. */
  readonly failures: number;
  /** A deadline comes while work goes on. */
  readonly deadlines: number;
}

/** Mistakes that a tired engineer makes, built into the model to see that it finds them. */
export type PlantedFault =
  | "no fence"
  | "no inbox"
  | "ack before commit"
  | "no outbox"
  | "publish before commit"
  | "no lease";

const none: Budget = { crashes: 0, duplicates: 0, delays: 0, cancels: 0, failures: 0, deadlines: 0 };

export function sizeOf(
  name: string,
  changes: Partial<Omit<Size, "name" | "budget">>,
  budget: Partial<Budget>,
): Size {
  return {
    name,
    jobs: 1,
    attempts: 2,
    workers: 2,
    maxRetries: 1,
    evaluations: "pods",
    prompt: [],
    ...changes,
    budget: { ...none, ...budget },
  };
}
