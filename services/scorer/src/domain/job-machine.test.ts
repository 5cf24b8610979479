import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOver, type JobFact, type JobState, jobAfter } from "./job-machine.ts";

const facts: readonly JobFact[] = [
  "split_committed",
  "race_finished",
  "evaluations_in",
  "judged",
  "failed",
  "cancelled",
];

describe("a job", () => {
  it("goes its way to the verdict", () => {
    expect(follow(["split_committed", "race_finished", "evaluations_in", "judged"])).toBe("scored");
  });

  it("never leaves an end, and can be ended from everywhere else", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...facts)), fc.constantFrom(...facts), (history, next) => {
        const state = follow(history);
        if (isOver(state)) expect(jobAfter(state, next)).toBeUndefined();
        else
          expect([jobAfter(state, "failed"), jobAfter(state, "cancelled")]).toEqual(["failed", "cancelled"]);
      }),
    );
  });

  it("is not moved by a fact that comes too early, too late or twice", () => {
    expect(jobAfter("splitting", "race_finished")).toBeUndefined();
    expect(jobAfter("judging", "split_committed")).toBeUndefined();
    expect(follow(["split_committed", "split_committed"])).toBe("racing");
  });
});

function follow(history: readonly JobFact[]): JobState {
  return history.reduce<JobState>((state, fact) => jobAfter(state, fact) ?? state, "splitting");
}
