import type { StoredFile } from "@gradients/contracts/stored-object";
import { type AttemptId, err, ok, type Result } from "@gradients/kernel";
import type { AttemptResult } from "./attempt.ts";
import { type Failure, failureOf } from "./failures.ts";
import type { Checkpoint } from "./files.ts";

export type UploadPurpose = "checkpoint" | "artifact" | "scores";

export interface UploadRequest {
  readonly kind: "train" | "evaluate";
  readonly jobId: string;
  readonly attemptId: string;
  readonly epoch: number;
  readonly purpose: UploadPurpose;
  readonly fileName: string;
  readonly size: number;
  readonly step: number;
}

export type UploadRejection =
  | { readonly code: "WRONG_PURPOSE" }
  | { readonly code: "FILE_TOO_LARGE"; readonly maxBytes: number }
  | { readonly code: "FILE_NOT_ALLOWED"; readonly failure: Failure };

/** Weights are safetensors, everything else is text: nothing that runs code when it is loaded. */
const ALLOWED_NAMES = /\.(safetensors|json|jsonl|txt|jinja|md)$/;

/** Parts of at least 5 MiB are what S3 takes, and at most 10,000 of them. */
const MIN_PART_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 1_000;

/** Where an upload goes, or why it may not. */
export function planUpload(request: UploadRequest, maxBytes: number): Result<UploadPlan, UploadRejection> {
  const isExpected = request.kind === "train" ? request.purpose !== "scores" : request.purpose === "scores";
  if (!isExpected) return err({ code: "WRONG_PURPOSE" });
  if (request.size > maxBytes) return err({ code: "FILE_TOO_LARGE", maxBytes });
  if (!ALLOWED_NAMES.test(request.fileName)) {
    return err({ code: "FILE_NOT_ALLOWED", failure: failureOf("ARTIFACT_UNSAFE", request.fileName) });
  }
  const partSize = Math.max(MIN_PART_BYTES, Math.ceil(request.size / MAX_PARTS));
  return ok({ key: keyOf(request), partSize, parts: Math.max(1, Math.ceil(request.size / partSize)) });
}

export interface UploadPlan {
  readonly key: string;
  readonly partSize: number;
  /** At least one: an empty file is one empty part. */
  readonly parts: number;
}

/** The epoch is part of the key, so that a pod that lost its lease can never write over what its successor brought. */
function keyOf({ purpose, jobId, attemptId, epoch, step, fileName }: UploadRequest): string {
  switch (purpose) {
    case "checkpoint":
      return `jobs/${jobId}/attempts/${attemptId}/checkpoints/${epoch}-${step}/${fileName}`;
    case "artifact":
      return `jobs/${jobId}/attempts/${attemptId}/artifact/${epoch}/${fileName}`;
    case "scores":
      return `private/jobs/${jobId}/evaluations/${attemptId}/${epoch}/${fileName}`;
  }
}

export interface Upload {
  readonly uploadId: string;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly purpose: UploadPurpose;
  readonly step: number;
  readonly file: StoredFile;
  /** Null until the object store has opened it. */
  readonly s3UploadId: string | null;
  readonly completed: boolean;
}

/** What decides about an attempt's uploads. */
export interface UploadOwner {
  readonly isOver: boolean;
  readonly epoch: number;
  readonly checkpoint: Checkpoint | null;
  readonly result: AttemptResult | null;
}

/**
 * abort: cut short by the end of its placement. delete: nothing refers to it, nor ever will. settle: it is part of the result for good and
 * needs no more watching. None of these leaves an open multipart upload of its key.
 */
export function fateOfUpload(upload: Upload, owner: UploadOwner): "keep" | "abort" | "delete" | "settle" {
  const isPlacementOver = owner.isOver || upload.epoch < owner.epoch;
  if (!upload.completed) return isPlacementOver ? "abort" : "keep";
  const { key } = upload.file.object;
  if (keysOfResult(owner.result).includes(key)) return owner.isOver ? "settle" : "keep";
  if (owner.isOver) return "delete";
  if (owner.checkpoint?.files.some(({ object }) => object.key === key)) return "keep";
  const isReplaced = upload.purpose === "checkpoint" && upload.step < (owner.checkpoint?.step ?? 0);
  return isPlacementOver || isReplaced ? "delete" : "keep";
}

function keysOfResult(result: AttemptResult | null): readonly string[] {
  if (result === null) return [];
  if (result.kind === "evaluated") return [result.scores.key];
  return result.artifact.map(({ object }) => object.key);
}

/** What an agent claims to have uploaded, checked against what the store took: every file must be there, with that size and digest. */
export function findUploads(
  uploads: readonly Upload[],
  purpose: UploadPurpose,
  files: readonly StoredFile[],
): Result<readonly StoredFile[], { readonly missing: string }> {
  const candidates = uploads.filter((upload) => upload.completed && upload.purpose === purpose);
  for (const { name, object } of files) {
    const isThere = candidates.some(
      ({ file }) =>
        file.name === name &&
        file.object.key === object.key &&
        file.object.size === object.size &&
        file.object.sha256 === object.sha256,
    );
    if (!isThere) return err({ missing: name });
  }
  return ok(files);
}
