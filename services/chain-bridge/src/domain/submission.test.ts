import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  blocksAfterFailures,
  factOfOutcome,
  nextState,
  type SubmissionFact,
  type SubmissionState,
} from "./submission.ts";

const refused = { kind: "refused", problem: { code: "RATE_LIMITED", detail: "" } } as const;

describe("a submission", () => {
  it("ends by a refusal at its first try only", () => {
    expect(factOfOutcome(refused, 1)).toBe("refused");
    expect(factOfOutcome(refused, 2)).toBeUndefined();
    expect(factOfOutcome({ kind: "unknown", detail: "socket" }, 1)).toBeUndefined();
  });

  it("never leaves an end, and is finalized by nothing but a finalized block", () => {
    const facts = fc.array(
      fc.constantFrom<SubmissionFact>("accepted", "refused", "set", "not_set", "expired"),
    );
    fc.assert(
      fc.property(facts, (list) => {
        let state: SubmissionState = "intended";
        for (const fact of list) {
          const next: SubmissionState | undefined = nextState(state, fact);
          if (state === "finalized" || state === "failed") expect(next).toBeUndefined();
          if (next === "finalized") expect(fact).toBe("set");
          state = next ?? state;
        }
      }),
    );
  });

  it("is followed by longer and longer pauses when it fails", () => {
    expect([0, 1, 2, 3, 4, 10].map((failures) => blocksAfterFailures(failures, 100))).toEqual([
      0, 1, 2, 4, 8, 100,
    ]);
  });
});
