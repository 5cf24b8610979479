import type { ProblemReport } from "./chain-problem.ts";

/** Life of one signed weight vector. */
export type SubmissionState = "intended" | "submitted" | "finalized" | "failed";

/** What is learned about it: by the answer of the node (first two), by finalized blocks (the others). */
export type SubmissionFact = "accepted" | "refused" | "set" | "not_set" | "expired";

/** The only ways on. Nothing is signed again before the submission has reached an end, so at most one is open. */
const submissionTransitions = {
  intended: {
    accepted: "submitted",
    refused: "failed",
    set: "finalized",
    not_set: "failed",
    expired: "failed",
  },
  submitted: { set: "finalized", not_set: "failed", expired: "failed" },
  finalized: {},
  failed: {},
} as const satisfies Record<SubmissionState, Partial<Record<SubmissionFact, SubmissionState>>>;

/** The state after a fact; undefined when the fact changes nothing. */
export function nextState(state: SubmissionState, fact: SubmissionFact): SubmissionState | undefined {
  const row: Partial<Record<SubmissionFact, SubmissionState>> = submissionTransitions[state];
  return row[fact];
}

/** What a node said to a submission. `unknown`: the connection broke, or the answer leaves open whether the extrinsic is in the pool or a block. */
export type SubmitOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly problem: ProblemReport }
  | { readonly kind: "unknown"; readonly detail: string };

/**
 * A refusal ends a submission only at its very first try: later ones may be refused just because an earlier try, whose answer was lost,
 * is in a block by now. Then the finalized blocks decide.
 */
export function factOfOutcome(outcome: SubmitOutcome, attempt: number): SubmissionFact | undefined {
  if (outcome.kind === "accepted") return "accepted";
  return outcome.kind === "refused" && attempt === 1 ? "refused" : undefined;
}

/** Waits that grow with each failure in a row, up to an epoch: 1, 2, 4, ... blocks. */
export function blocksAfterFailures(failures: number, tempo: number): number {
  return failures === 0 ? 0 : Math.min(2 ** (failures - 1), Math.max(tempo, 1));
}
