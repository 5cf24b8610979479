import { type ProblemReport, problemOfDispatchError } from "./chain-problem.ts";
import type { SubmissionFact } from "./submission.ts";
import { sameWeights, type Weight } from "./weights.ts";

/** An extrinsic of a finalized block. */
export interface IncludedExtrinsic {
  readonly hash: string;
  /** Name of the dispatch error when it failed. */
  readonly dispatchError: string | undefined;
  /** WeightsSet events among its own. */
  readonly weightsSet: readonly { readonly mecid: number; readonly uid: number }[];
}

export interface OpenSubmission {
  readonly extrinsicHash: string;
  readonly mecid: number;
  readonly validatorUid: number;
  readonly weights: readonly Weight[];
  readonly lastValidBlock: number;
}

export interface FinalizedEvidence {
  readonly blockNumber: number;
  readonly extrinsics: readonly IncludedExtrinsic[];
  /** What the chain holds for our uid at the end of that block; read when our extrinsic is in it. */
  readonly readBack: readonly Weight[] | undefined;
}

export interface Judgement {
  readonly fact: SubmissionFact;
  readonly problem: ProblemReport | undefined;
}

/**
 * What a finalized block says about an open submission; undefined when it says nothing. Set means: our extrinsic is in it, WeightsSet of our uid is
 * among its events, and the chain holds our vector. ExtrinsicSuccess proves nothing (chain.md 2.4).
 */
export function judgeSubmission(
  submission: OpenSubmission,
  evidence: FinalizedEvidence,
): Judgement | undefined {
  const included = evidence.extrinsics.find(({ hash }) => hash === submission.extrinsicHash);
  if (included) {
    const problem = problemOf(submission, included, evidence.readBack);
    return { fact: problem ? "not_set" : "set", problem };
  }
  if (evidence.blockNumber < submission.lastValidBlock) return undefined;
  return {
    fact: "expired",
    problem: { code: "ERA_EXPIRED", detail: `not in any block up to ${submission.lastValidBlock}` },
  };
}

function problemOf(
  submission: OpenSubmission,
  included: IncludedExtrinsic,
  readBack: readonly Weight[] | undefined,
): ProblemReport | undefined {
  if (included.dispatchError !== undefined) return problemOfDispatchError(included.dispatchError);
  const { mecid, validatorUid } = submission;
  if (!included.weightsSet.some((event) => event.mecid === mecid && event.uid === validatorUid))
    return { code: "NO_WEIGHTS_EVENT", detail: "" };
  if (readBack && sameWeights(readBack, submission.weights)) return undefined;
  return { code: "READ_BACK_MISMATCH", detail: JSON.stringify(readBack ?? []).slice(0, 200) };
}
