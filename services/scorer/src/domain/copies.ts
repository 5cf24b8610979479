import type { AlignedScores } from "./align-scores.ts";

/** What tells whether two artifacts are the same work. */
export interface Fingerprint {
  readonly attemptId: string;
  /** The default recipe is public: whoever equals it has copied it, whichever finished first. */
  readonly isDefault: boolean;
  /** Milliseconds since 1970; the earlier of two copies stays. */
  readonly finishedAt: number;
  readonly weightsSha256: string;
  readonly scores: AlignedScores;
}

export interface Copy {
  readonly attemptId: string;
  readonly originalAttemptId: string;
  readonly evidence: "equal_weights" | "equal_scores";
}

/**
 * Two artifacts count as one work when their per-example losses differ, summed over all rows, by less than both
 * - 0.1 % of the loss itself. Runs of one recipe that differ in nothing but the seed differ by about 1 % per row (fine-tuning.md, E.3: paired SE .00041 on
 *   400 rows is a per-row SD of .008 at a loss of .63), fp32 rounding by about 1e-6; and
 * - 2 % of the way that either went from the base model. Two short honest runs both stay near the base, and so near each other, without being copies.
 * Weights with a flipped bit or a little noise, which an equality check lets through, are caught; a rival strong enough to differ by more is
 * no copy for scoring: its difference is measured like any other.
 */
const COPY_LIMITS = { shareOfLoss: 0.001, shareOfWayFromBase: 0.02 } as const;

/** All copies among the artifacts. The earliest of each set stays; equal times are settled by attempt id, so the order given plays no part. */
export function findCopies(artifacts: readonly Fingerprint[], base: AlignedScores): readonly Copy[] {
  const originals: Fingerprint[] = [];
  const copies: Copy[] = [];
  for (const artifact of [...artifacts].sort(byClaim)) {
    const match = originals
      .map((original) => ({ original, evidence: likeness(artifact, original, base) }))
      .find(({ evidence }) => evidence);
    if (match?.evidence)
      copies.push({
        attemptId: artifact.attemptId,
        originalAttemptId: match.original.attemptId,
        evidence: match.evidence,
      });
    else originals.push(artifact);
  }
  return copies;
}

function likeness(a: Fingerprint, b: Fingerprint, base: AlignedScores): Copy["evidence"] | undefined {
  if (a.weightsSha256 !== "" && a.weightsSha256 === b.weightsSha256) return "equal_weights";
  return haveEqualScores(a.scores.nll, b.scores.nll, base.nll) ? "equal_scores" : undefined;
}

function haveEqualScores(a: Float64Array, b: Float64Array, base: Float64Array): boolean {
  const zero = new Float64Array(a.length);
  const apart = distance(a, b);
  const loss = Math.min(distance(a, zero), distance(b, zero));
  const wayFromBase = Math.min(distance(a, base), distance(b, base));
  return apart <= COPY_LIMITS.shareOfLoss * loss && apart <= COPY_LIMITS.shareOfWayFromBase * wayFromBase;
}

/** L1: the sum of absolute differences. */
function distance(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, index) => total + Math.abs(value - (b[index] ?? 0)), 0);
}

function byClaim(a: Fingerprint, b: Fingerprint): number {
  if (a.isDefault !== b.isDefault) return a.isDefault ? -1 : 1;
  return a.finishedAt - b.finishedAt || (a.attemptId < b.attemptId ? -1 : 1);
}
