/** Of the admitter's client: what minimalkueue has in its code. */
export const clientLimits = { perSecond: 50, burst: 100 };
/** Of the program that makes the load and ends the runs, on both sides. */
export const runnerLimits = { perSecond: 1_000, burst: 2_000 };
