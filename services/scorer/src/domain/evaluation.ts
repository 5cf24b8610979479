import type { StoredObject } from "@gradients/contracts/stored-object";
import { type EvaluationId, newId, Rng } from "@gradients/kernel";
import type { ArtifactChecks } from "./disqualification.ts";
import { hasArtifact, type RaceEntry } from "./job.ts";
import type { Reason } from "./reason.ts";

export interface Evaluation {
  readonly evaluationId: EvaluationId;
  /** Null for the base model. */
  readonly attemptId: string | null;
  /** Place in the order in which they were asked for. */
  readonly position: number;
  readonly result: EvaluationResult | null;
}

export type EvaluationResult =
  | {
      readonly kind: "finished";
      readonly scores: StoredObject;
      readonly checks: ArtifactChecks;
      readonly engineVersion: string;
      readonly device: string;
    }
  | { readonly kind: "failed"; readonly reason: Reason };

/**
 * One evaluation for the base model and one for each artifact, under opaque ids and in an order drawn from the secret salt: whoever runs them
 * learns nothing from the sequence, and no recipe is always first.
 */
export function planEvaluations(entries: readonly RaceEntry[], salt: Buffer): readonly Evaluation[] {
  const withArtifact = entries.filter(hasArtifact).map(({ attemptId }) => attemptId);
  const rng = new Rng(`gradients.evaluation-order/v1:${salt.toString("hex")}`);
  const subjects = rng.shuffle([null, ...withArtifact.toSorted()]);
  return subjects.map((attemptId, position) => ({
    evaluationId: newId<EvaluationId>(),
    attemptId,
    position,
    result: null,
  }));
}
