/** Of a client's calls. */
export interface CallLimits {
  readonly perSecond: number;
  readonly burst: number;
}

/** Of the program that makes the load and ends the runs, on both sides. */
export const runnerLimits: CallLimits = { perSecond: 1_000, burst: 2_000 };
