import { failpoint } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import { fateOfUpload, type Upload, type UploadOwner } from "../domain/uploads.ts";
import { deleteUpload, listUploadsToSettle } from "../store/uploads.ts";
import { oneByOne } from "./one-by-one.ts";

const BATCH = 200;

/** Leaves nothing in the object store that no record refers to. Every step may be repeated after a crash. */
export async function settleUploads(deps: Deps, signal: AbortSignal): Promise<void> {
  let settled = 0;
  const found = await listUploadsToSettle(deps.db, BATCH);
  const idOf = ({ upload }: Found) => upload.uploadId;
  await oneByOne(deps, "settle an upload", found, idOf, async (item) => {
    if (!signal.aborted && (await settle(deps, item, signal))) settled++;
  });
  if (settled > 0) deps.observe.uploadsSettled(settled);
}

interface Found {
  readonly upload: Upload;
  readonly owner: UploadOwner;
}

async function settle(deps: Deps, { upload, owner }: Found, signal: AbortSignal): Promise<boolean> {
  const fate = fateOfUpload(upload, owner);
  if (fate === "keep") return false;
  const { key } = upload.file.object;
  await deps.objects.abortMultiparts(key, signal); // of one in whole too: it was opened twice when the first answer was lost
  if (fate === "delete") await deps.objects.delete(key, signal);
  failpoint("scheduler.upload-settled");
  await deleteUpload(deps.db, upload.uploadId);
  return true;
}
