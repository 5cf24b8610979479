import type { StoredFile, StoredObject } from "@gradients/contracts/stored-object";
import { DigestMismatch, ObjectNotFound } from "@gradients/objects";
import type { Deps } from "../deps.ts";
import { alignmentReason, scoresUntrusted } from "../domain/disqualification.ts";
import type { Evaluation, EvaluationResult } from "../domain/evaluation.ts";
import {
  type AttemptEvidence,
  type Digest,
  EVIDENCE_SCHEMA,
  type EvaluationEvidence,
  type EvidenceBundle,
  type FileDigest,
  type OutcomeEvidence,
  scoresEvidence,
} from "../domain/evidence.ts";
import { unknownFailure } from "../domain/failures.ts";
import type { CommittedSplit, Job, RaceEntry } from "../domain/job.ts";
import type { Reason } from "../domain/reason.ts";
import type { GeneratedAnswer } from "../domain/samples.ts";
import { listEvaluations } from "../store/evaluations.ts";
import { listRaceEntries } from "../store/race-entries.ts";
import { findSplit } from "../store/splits.ts";
import { type ReadScores, readScores } from "./read-scores.ts";

export type Gathered =
  | {
      readonly kind: "complete";
      readonly evidence: Omit<EvidenceBundle, "verdict">;
      readonly entries: readonly RaceEntry[];
      readonly split: CommittedSplit;
      readonly baseAnswers: Answers;
      readonly answers: ReadonlyMap<string, Answers>;
    }
  /** Without the base model's scores there is nothing to compare with. */
  | { readonly kind: "no_base"; readonly reason: Reason };

type Answers = ReadonlyMap<number, GeneratedAnswer>;

/** Everything that the verdict rests on, from the database and the scores objects. One artifact's fault stays with that artifact. */
export async function gatherEvidence(deps: Deps, job: Job, signal: AbortSignal): Promise<Gathered> {
  const { db, rules } = deps;
  const [split, entries, evaluations] = await Promise.all([
    findSplit(db, job.jobId),
    listRaceEntries(db, job.jobId),
    listEvaluations(db, job.jobId),
  ]);
  if (!split) throw new Error(`Job ${job.jobId} has no split`);
  const measured = await measureAll(deps, evaluations, split, signal);
  const base = measured.get(null);
  if (base?.kind !== "read") return { kind: "no_base", reason: base?.reason ?? unknownFailure };
  if (!base.read.scores.ok) return { kind: "no_base", reason: alignmentReason(base.read.scores.error) };
  const attempts = entries.map((entry) => toAttempt(entry, measured.get(entry.attemptId)));
  const evidence = {
    ...describeJob(job, split),
    base: { evaluation: base.evaluation, scores: scoresEvidence(base.read.scores.value) },
    attempts,
    rules: rules.verdict,
  };
  const answers = new Map(entries.flatMap(({ attemptId }) => toAnswers(attemptId, measured.get(attemptId))));
  return { kind: "complete", evidence, entries, split, baseAnswers: base.read.answers, answers };
}

/** By attempt id, null for the base model. One after the other: memory holds one object's lines at a time. */
async function measureAll(
  deps: Deps,
  evaluations: readonly Evaluation[],
  split: CommittedSplit,
  signal: AbortSignal,
): Promise<ReadonlyMap<string | null, Measured>> {
  const measured = new Map<string | null, Measured>();
  for (const { attemptId, evaluationId, result } of evaluations) {
    measured.set(attemptId, await measure(deps, evaluationId, result, split, signal));
  }
  return measured;
}

async function measure(
  { objects }: Deps,
  evaluationId: string,
  result: EvaluationResult | null,
  { heldoutRows }: CommittedSplit,
  signal: AbortSignal,
): Promise<Measured> {
  if (result?.kind !== "finished")
    return { kind: "failed", evaluationId, reason: result?.reason ?? unknownFailure };
  const { scores, checks, engineVersion, device } = result;
  try {
    const read = await readScores(objects, scores, heldoutRows, signal);
    return {
      kind: "read",
      evaluation: { evaluationId, scores: digestOf(scores), engineVersion, device },
      checks,
      read,
    };
  } catch (error) {
    if (!(error instanceof DigestMismatch || error instanceof ObjectNotFound)) throw error;
    return { kind: "failed", evaluationId, reason: scoresUntrusted };
  }
}

type Measured =
  | { readonly kind: "failed"; readonly evaluationId: string; readonly reason: Reason }
  | {
      readonly kind: "read";
      readonly evaluation: EvaluationEvidence;
      readonly checks: Extract<EvaluationResult, { kind: "finished" }>["checks"];
      readonly read: ReadScores;
    };

function toAttempt(entry: RaceEntry, measured: Measured | undefined): AttemptEvidence {
  const { artifact, failure, finishedAt, ...same } = entry;
  return {
    ...same,
    // Without the time of its end an attempt has the latest claim.
    finishedAt: finishedAt ?? Number.MAX_SAFE_INTEGER,
    artifact: artifact.map(fileDigest),
    outcome: measured ? toOutcome(measured) : { kind: "training_failed", reason: failure ?? unknownFailure },
  };
}

function toOutcome(measured: Measured): OutcomeEvidence {
  if (measured.kind === "failed") {
    return { kind: "evaluation_failed", evaluationId: measured.evaluationId, reason: measured.reason };
  }
  const { evaluation, checks, read } = measured;
  return read.scores.ok
    ? { kind: "scored", evaluation, checks, scores: scoresEvidence(read.scores.value) }
    : { kind: "unusable", evaluation, checks, fault: read.scores.error };
}

function toAnswers(
  attemptId: string,
  measured: Measured | undefined,
): readonly (readonly [string, Answers])[] {
  return measured?.kind === "read" ? [[attemptId, measured.read.answers]] : [];
}

function describeJob({ jobId, order, salt }: Job, split: CommittedSplit) {
  const { datasetId, format, columns, object } = order.dataset;
  const { kind: _kind, ...names } = columns;
  return {
    schema: EVIDENCE_SCHEMA,
    jobId,
    dataset: { datasetId, format, columns: names, ...digestOf(object) },
    baseModel: { modelId: order.baseModel.modelId, files: order.baseModel.files.map(fileDigest) },
    split: {
      salt: salt.toString("hex"),
      commitment: split.commitment,
      policy: split.policy,
      train: { ...digestOf(split.train), rows: split.trainRows },
      heldout: { ...digestOf(split.heldout), rows: split.heldoutRows.length },
      droppedRows: split.droppedRows,
    },
    heldout: { rows: split.heldoutRows, clusters: split.clusters },
  } as const;
}

function fileDigest({ name, object }: StoredFile): FileDigest {
  return { name, ...digestOf(object) };
}

function digestOf({ size, sha256 }: StoredObject): Digest {
  return { size, sha256 };
}
