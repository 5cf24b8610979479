import { publishers } from "./messages.ts";
import type { Rules } from "./scheduler.ts";
import type { Budget } from "./size.ts";
import type { JobWorld } from "./world.ts";

/** Something that can happen next to one job: changes the draft that it is given. */
export interface Move {
  readonly label: string;
  readonly pace: Pace;
  /** What it takes from the budget; undefined for what the system does by itself. */
  readonly costs?: keyof Budget;
  /** For a placing: the attempts that it places. It happens only when the plan over all jobs says just that. */
  readonly places?: readonly number[];
  readonly apply: (target: JobWorld) => void;
}

/**
 * How soon it happens when it can, which only a simulation asks: bus, a delivery; late, one that comes again; control, a pass of the control loop; scorer, its
 * own work; ask, a pod's start; heartbeat; result, a pod's work; life, the end of a pod; whim, a customer's; clock, what a clock brings about where there is one.
 */
export type Pace =
  | "bus"
  | "late"
  | "control"
  | "scorer"
  | "ask"
  | "heartbeat"
  | "result"
  | "life"
  | "whim"
  | "clock";

/** Part of the machine: what can happen to a job. */
export type Moves = (rules: Rules, job: JobWorld) => readonly Move[];

export function isOutboxEmpty({ outbox }: JobWorld): boolean {
  return publishers.every((publisher) => outbox[publisher].length === 0);
}
