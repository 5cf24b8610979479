import { describe, expect, it } from "vitest";
import { judgeSubmission, type OpenSubmission } from "./judge-submission.ts";

const weights = [{ uid: 2, weight: 65_535 }];
const submission: OpenSubmission = {
  extrinsicHash: "0xours",
  mecid: 0,
  validatorUid: 1,
  weights,
  lastValidBlock: 20,
};
const ours = { hash: "0xours", dispatchError: undefined, weightsSet: [{ mecid: 0, uid: 1 }] };
const other = { hash: "0xother", dispatchError: undefined, weightsSet: [{ mecid: 0, uid: 1 }] };

describe("judgeSubmission", () => {
  it("calls it set by event and read-back together", () => {
    expect(
      judgeSubmission(submission, { blockNumber: 10, extrinsics: [other, ours], readBack: weights }),
    ).toEqual({ fact: "set", problem: undefined });
  });

  it.each([
    {
      extrinsic: { ...ours, dispatchError: "NeuronNoValidatorPermit", weightsSet: [] },
      readBack: weights,
      code: "NO_VALIDATOR_PERMIT",
    },
    { extrinsic: { ...ours, weightsSet: [] }, readBack: weights, code: "NO_WEIGHTS_EVENT" },
    {
      extrinsic: { ...ours, weightsSet: [{ mecid: 0, uid: 7 }] },
      readBack: weights,
      code: "NO_WEIGHTS_EVENT",
    },
    {
      extrinsic: { ...ours, weightsSet: [{ mecid: 1, uid: 1 }] },
      readBack: weights,
      code: "NO_WEIGHTS_EVENT",
    },
    { extrinsic: ours, readBack: [{ uid: 3, weight: 65_535 }], code: "READ_BACK_MISMATCH" },
    { extrinsic: ours, readBack: undefined, code: "READ_BACK_MISMATCH" },
  ])("calls it not set with $code", ({ extrinsic, readBack, code }) => {
    expect(judgeSubmission(submission, { blockNumber: 10, extrinsics: [extrinsic], readBack })).toMatchObject(
      { fact: "not_set", problem: { code } },
    );
  });

  it("says nothing about blocks without it, until its last valid one has passed", () => {
    const without = (blockNumber: number) =>
      judgeSubmission(submission, { blockNumber, extrinsics: [other], readBack: undefined });
    expect(without(19)).toBeUndefined();
    expect(without(20)).toMatchObject({ fact: "expired", problem: { code: "ERA_EXPIRED" } });
  });
});
