import { err, ok, type Result } from "@gradients/kernel";
import type { AlignedScores, AlignmentFault } from "./align-scores.ts";
import type { ArtifactChecks } from "./disqualification.ts";
import type { VerdictRules } from "./ranks.ts";
import type { Reason } from "./reason.ts";
import type { SplitPolicy } from "./split.ts";
import type { Entry, Verdict, VerdictInput } from "./verdict.ts";

export const EVIDENCE_SCHEMA = "gradients.evidence/v1";

/**
 * Everything that a verdict rests on, public once it is given. Whoever holds it can compute the verdict again; with the held-out rows the commitment too; with
 * the artifacts and the engine the per-example scores. It holds no time of its own making, so making it twice gives the same bytes.
 */
export interface EvidenceBundle {
  readonly schema: typeof EVIDENCE_SCHEMA;
  readonly jobId: string;
  readonly dataset: DatasetEvidence;
  readonly baseModel: { readonly modelId: string; readonly files: readonly FileDigest[] };
  readonly split: SplitEvidence;
  /** One entry per held-out row, in the order of all arrays of scores below. */
  readonly heldout: { readonly rows: readonly number[]; readonly clusters: readonly number[] };
  readonly base: { readonly evaluation: EvaluationEvidence; readonly scores: ScoresEvidence };
  readonly attempts: readonly AttemptEvidence[];
  readonly rules: VerdictRules;
  readonly verdict: Verdict;
}

interface DatasetEvidence extends Digest {
  readonly datasetId: string;
  readonly format: string;
  /** Column names by their part: instruction, input, output, system, messages. */
  readonly columns: Readonly<Record<string, string>>;
}

interface SplitEvidence {
  /** Hexadecimal, 32 bytes. Seeds the order of the groups, the near-duplicate search and the bootstrap. */
  readonly salt: string;
  readonly commitment: string;
  readonly policy: SplitPolicy;
  readonly train: Digest & { readonly rows: number };
  readonly heldout: Digest & { readonly rows: number };
  /** Rows left out, by reason. */
  readonly droppedRows: Readonly<Record<string, number>>;
}

export interface AttemptEvidence {
  readonly attemptId: string;
  readonly recipeId: string;
  readonly recipeTitle: string;
  readonly contestantHotkey: string;
  readonly isDefault: boolean;
  /** Milliseconds since 1970. */
  readonly finishedAt: number;
  readonly artifact: readonly FileDigest[];
  readonly outcome: OutcomeEvidence;
}

export type OutcomeEvidence =
  | { readonly kind: "training_failed"; readonly reason: Reason }
  | { readonly kind: "evaluation_failed"; readonly evaluationId: string; readonly reason: Reason }
  | {
      readonly kind: "scored";
      readonly evaluation: EvaluationEvidence;
      readonly checks: ArtifactChecks;
      readonly scores: ScoresEvidence;
    }
  | {
      readonly kind: "unusable";
      readonly evaluation: EvaluationEvidence;
      readonly checks: ArtifactChecks;
      readonly fault: AlignmentFault;
    };

/** The trusted evaluation that measured the scores, and the digest of the object that it wrote. */
export interface EvaluationEvidence {
  readonly evaluationId: string;
  readonly scores: Digest;
  readonly engineVersion: string;
  readonly device: string;
}

export interface ScoresEvidence {
  readonly nll: readonly number[];
  readonly tokens: readonly number[];
  readonly exactMatches: number;
  readonly generatedRows: number;
}

export interface Digest {
  readonly size: number;
  readonly sha256: string;
}

export interface FileDigest extends Digest {
  readonly name: string;
}

/** What the verdict was computed from, read back out of a bundle. */
export function verdictInput(bundle: Omit<EvidenceBundle, "verdict">): VerdictInput {
  return {
    heldoutRows: bundle.heldout.rows,
    clusters: bundle.heldout.clusters,
    base: toScores(bundle.base.scores),
    entries: bundle.attempts.map(toEntry),
    rules: bundle.rules,
    seed: bundle.split.salt,
  };
}

export function scoresEvidence({ nll, tokens, exactMatches, generatedRows }: AlignedScores): ScoresEvidence {
  return { nll: Array.from(nll), tokens: Array.from(tokens), exactMatches, generatedRows };
}

function toEntry({ attemptId, isDefault, finishedAt, outcome }: AttemptEvidence): Entry {
  const same = { attemptId, isDefault, finishedAt };
  switch (outcome.kind) {
    case "training_failed":
      return { ...same, outcome: { kind: "training_failed", reason: outcome.reason } };
    case "evaluation_failed":
      return { ...same, outcome: { kind: "evaluation_failed", reason: outcome.reason } };
    case "scored":
      return { ...same, outcome: scored(outcome.checks, ok(toScores(outcome.scores))) };
    case "unusable":
      return { ...same, outcome: scored(outcome.checks, err(outcome.fault)) };
  }
}

function scored(checks: ArtifactChecks, scores: Result<AlignedScores, AlignmentFault>) {
  return { kind: "scored" as const, checks, scores };
}

function toScores({ nll, tokens, exactMatches, generatedRows }: ScoresEvidence): AlignedScores {
  return { nll: Float64Array.from(nll), tokens: Float64Array.from(tokens), exactMatches, generatedRows };
}
