import { expect, test } from "vitest";
import { type JobState, jobTransitions } from "../../../services/gateway/src/domain/job.ts";
import { nextStates } from "../../history/src/job-states.ts";

/** The checker of histories stands on its own, so its idea of a job's states is compared with the product's. */
test("the checker of histories knows what a customer may see after each state", () => {
  const states = Object.keys(jobTransitions) as JobState[];
  const expected = states.map((state) => [state.toUpperCase(), seenAfter(state).sort()]);
  const known = Object.entries(nextStates).map(([state, next]) => [state, next.toSorted()]);
  expect(known).toEqual(expected);
});

function seenAfter(state: JobState): string[] {
  const seen = new Set<JobState>();
  const queue: JobState[] = [state];
  for (const from of queue) {
    for (const to of Object.values(jobTransitions[from]) as JobState[]) {
      if (seen.has(to) || to === state) continue;
      seen.add(to);
      queue.push(to);
    }
  }
  return [...seen].map((one) => one.toUpperCase());
}
