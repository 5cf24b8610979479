import { publishers } from "./messages.ts";
import type { Rules } from "./scheduler.ts";
import type { Budget } from "./size.ts";
import { type JobWorld, type World } from "./world.ts";

/** Something that can happen next to one job: changes the draft that it is given. */
export interface Move {
  readonly label: string;
  /** What it takes from the budget; undefined for what the system does by itself. */
  readonly costs?: keyof Budget;
  readonly apply: (target: JobWorld) => void;
}

/** Part of the machine: what can happen to the job at a place of the world. */
export type Moves = (rules: Rules, job: JobWorld, at: number, world: World) => readonly Move[];

export function isOutboxEmpty({ outbox }: JobWorld): boolean {
  return publishers.every((publisher) => outbox[publisher].length === 0);
}
