import { failpoint, newId, ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { AttemptRejection } from "../domain/attempt-machine.ts";
import { planUpload, type Upload, type UploadPurpose, type UploadRejection } from "../domain/uploads.ts";
import { findAttempt } from "../store/attempts.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { insertUpload, recordOpened } from "../store/uploads.ts";
import { whileHeld } from "./with-attempt.ts";

export interface AnnouncedFile {
  readonly purpose: UploadPurpose;
  readonly fileName: string;
  readonly size: number;
  readonly sha256: string;
  readonly step: number;
}

export interface OpenUpload {
  readonly uploadId: string;
  readonly partSize: number;
  readonly partUrls: readonly string[];
}

/**
 * Opens a multipart upload for an agent that has no credentials: it gets one URL per part. The upload is noted before it is opened, so that one whose
 * answer is lost is found and ended with its attempt.
 */
export async function beginUpload(
  deps: Deps,
  holder: TokenHolder,
  file: AnnouncedFile,
  signal: AbortSignal,
): Promise<Result<OpenUpload, AttemptRejection | UploadRejection>> {
  const attempt = await findAttempt(deps.db.q, holder.attemptId);
  if (!attempt) return { ok: false, error: "FENCED" };
  const plan = planUpload({ ...holder, ...file, kind: attempt.work.kind }, deps.limits.maxFileBytes);
  if (!plan.ok) return plan;
  const { key, partSize, parts } = plan.value;
  const upload: Upload = {
    uploadId: newId(),
    attemptId: holder.attemptId,
    epoch: holder.epoch,
    purpose: file.purpose,
    step: file.step,
    file: { name: file.fileName, object: { key, size: file.size, sha256: file.sha256 } },
    s3UploadId: null,
    completed: false,
  };
  const noted = await whileHeld(deps, holder, async (tx) => ok(await insertUpload(tx, upload)));
  if (!noted.ok) return noted;
  const s3UploadId = await deps.objects.createMultipart(key, signal);
  failpoint("scheduler.upload-opened");
  const held = await whileHeld(deps, holder, async (tx) =>
    ok(await recordOpened(tx, upload.uploadId, s3UploadId)),
  );
  if (!held.ok) {
    await deps.objects.abortMultiparts(key, signal);
    return held;
  }
  failpoint("scheduler.upload-recorded");
  const options = { expiresSeconds: deps.limits.urlSeconds };
  const numbers = Array.from({ length: parts }, (_, index) => index + 1);
  const partUrls = await Promise.all(
    numbers.map((number) => deps.objects.presignPart(key, s3UploadId, number, options)),
  );
  return ok({ uploadId: upload.uploadId, partSize, partUrls });
}
