import type { StoredFile } from "@gradients/contracts/stored-object";
import { err, failpoint, ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { AttemptRejection } from "../domain/attempt-machine.ts";
import type { Upload } from "../domain/uploads.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { findUpload, markUploadCompleted } from "../store/uploads.ts";
import { whileHeld } from "./with-attempt.ts";

export type CompleteRejection =
  | AttemptRejection
  | { readonly code: "UPLOAD_NOT_FOUND" }
  | { readonly code: "UPLOAD_INCOMPLETE"; readonly expected: number; readonly found: bigint | undefined };

/** Closes an upload. An agent that did not see the answer may ask again. Whoever reads the file checks its digest. */
export async function completeUpload(
  deps: Deps,
  holder: TokenHolder,
  uploadId: string,
  etags: readonly string[],
  signal: AbortSignal,
): Promise<Result<StoredFile, CompleteRejection>> {
  const upload = await findUpload(deps.db, uploadId);
  if (upload?.attemptId !== holder.attemptId || upload.epoch !== holder.epoch || upload.s3UploadId === null) {
    return err({ code: "UPLOAD_NOT_FOUND" });
  }
  if (upload.completed) return ok(upload.file);
  const held = await whileHeld(deps, holder, async () => ok());
  if (!held.ok) return held;
  const found = await closeMultipart(deps, upload.file.object, upload.s3UploadId, etags, signal);
  failpoint("scheduler.upload-closed");
  if (found !== BigInt(upload.file.object.size)) {
    return err({ code: "UPLOAD_INCOMPLETE", expected: upload.file.object.size, found });
  }
  return whileHeld(deps, holder, async (tx) => {
    await markUploadCompleted(tx, uploadId);
    return ok(upload.file);
  });
}

/** Size of the object that is there afterwards. A close that failed may be a repeated one: then the object tells. */
async function closeMultipart(
  { objects }: Deps,
  { key, size }: Upload["file"]["object"],
  s3UploadId: string,
  etags: readonly string[],
  signal: AbortSignal,
): Promise<bigint | undefined> {
  try {
    await objects.completeMultipart(key, s3UploadId, etags, signal);
  } catch (error) {
    const head = await objects.head(key, signal);
    if (head?.size !== BigInt(size)) throw error;
  }
  return (await objects.head(key, signal))?.size;
}
