/** Where a job stands in the scorer. */
export type JobState = "splitting" | "racing" | "evaluating" | "judging" | "scored" | "failed" | "cancelled";

export type JobFact =
  | "split_committed"
  | "race_finished"
  | "evaluations_in"
  | "judged"
  | "failed"
  | "cancelled";

/** What moves a job on; a fact that is not in the table changes nothing, so a late or repeated one is harmless. */
const transitions = {
  splitting: { split_committed: "racing", failed: "failed", cancelled: "cancelled" },
  racing: { race_finished: "evaluating", failed: "failed", cancelled: "cancelled" },
  evaluating: { evaluations_in: "judging", failed: "failed", cancelled: "cancelled" },
  judging: { judged: "scored", failed: "failed", cancelled: "cancelled" },
  scored: {},
  failed: {},
  cancelled: {},
} as const satisfies Record<JobState, Partial<Record<JobFact, JobState>>>;

/** The state after a fact, or undefined when it means nothing in this state. */
export function jobAfter(state: JobState, fact: JobFact): JobState | undefined {
  const next: Partial<Record<JobFact, JobState>> = transitions[state];
  return next[fact];
}

export function isOver(state: JobState): boolean {
  return Object.keys(transitions[state]).length === 0;
}
