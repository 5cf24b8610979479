import type { Deps } from "../deps.ts";
import { fateOfUpload } from "../domain/uploads.ts";
import { deleteUpload, listUploadsToSettle } from "../store/uploads.ts";

const BATCH = 200;

/** Leaves nothing in the object store that no record refers to. Every step may be repeated after a crash. */
export async function settleUploads(deps: Deps, signal: AbortSignal): Promise<void> {
  let settled = 0;
  for (const { upload, owner } of await listUploadsToSettle(deps.db, BATCH)) {
    const fate = fateOfUpload(upload, owner);
    if (fate === "keep") continue;
    const { key } = upload.file.object;
    if (fate === "abort") await deps.objects.abortMultipart(key, upload.s3UploadId, signal);
    if (fate === "delete") await deps.objects.delete(key, signal);
    await deleteUpload(deps.db, upload.uploadId);
    settled++;
  }
  if (settled > 0) deps.observe.uploadsSettled(settled);
}
