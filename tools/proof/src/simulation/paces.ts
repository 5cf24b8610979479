import type { Move, Pace } from "../model/moves.ts";

/** How often in a second something happens that can, on average; times between are exponential. */
const perSecond: Readonly<Record<Pace, number>> = {
  bus: 20,
  late: 0.5,
  control: 4,
  scorer: 1,
  ask: 0.5,
  heartbeat: 1 / 5,
  result: 1 / 30,
  life: 1 / 120,
  whim: 1 / 2_000,
  clock: 0,
};

/** Part of the deliveries, calls and decisions that go wrong in the way that a move tells of. Lives and whims are what they are. */
const FAULTY = 0.05;

export function rateOf({ pace, costs }: Move): number {
  return costs && pace !== "life" && pace !== "whim" ? perSecond[pace] * FAULTY : perSecond[pace];
}
