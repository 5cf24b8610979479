/** waiting: for the order, the split or both. raced: only evaluations are left. */
export type JobState = "waiting" | "racing" | "raced" | "closed";

export type JobFact = "started" | "race_over" | "ended";

/** As the scheduler sees a job. Facts that are missing in a state come too late there and change nothing. */
export const jobTransitions = {
  waiting: { started: "racing", ended: "closed" },
  racing: { race_over: "raced", ended: "closed" },
  raced: { ended: "closed" },
  closed: {},
} as const satisfies Record<JobState, Partial<Record<JobFact, JobState>>>;

/** The state after a fact; undefined when it comes too late or too early and nothing may be done for it. */
export function jobAfter(state: JobState, fact: JobFact): JobState | undefined {
  const allowed: Partial<Record<JobFact, JobState>> = jobTransitions[state];
  return allowed[fact];
}
