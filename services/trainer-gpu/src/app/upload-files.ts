import type { FileRef } from "@gradients/contracts/common";
import type { UploadPurpose } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import { type SealedFile, sealFile, TransferRefused, uploadParts } from "@gradients/objects";
import type { Relay } from "./relay.ts";
import type { OpenFile } from "./work-folder.ts";

/** URLs that ran out while the relay was away are asked for anew. */
const MAX_TRIES = 3;

/** Uploads files one after the other. Returns what the relay has recorded. */
export async function uploadFiles(
  relay: Relay,
  files: readonly OpenFile[],
  about: About,
  signal: AbortSignal,
): Promise<readonly FileRef[]> {
  const recorded: FileRef[] = [];
  for (const file of files) recorded.push(await uploadFile(relay, file, about, signal));
  return recorded;
}

interface About {
  readonly purpose: UploadPurpose;
  readonly step: bigint;
}

async function uploadFile(
  relay: Relay,
  { name, handle }: OpenFile,
  about: About,
  signal: AbortSignal,
): Promise<FileRef> {
  const file = await sealFile(handle, name, signal);
  for (let tries = 1; ; tries++) {
    try {
      return await uploadOnce(relay, file, about, signal);
    } catch (error) {
      if (!(error instanceof TransferRefused) || tries >= MAX_TRIES) throw error;
    }
  }
}

async function uploadOnce(
  relay: Relay,
  file: SealedFile,
  about: About,
  signal: AbortSignal,
): Promise<FileRef> {
  const { name: fileName, size, sha256 } = file;
  const request = { ...about, fileName, size, sha256 };
  const { uploadId, partSize, partUrls } = await relay.beginUpload(request, signal);
  failpoint("trainer.upload-begun");
  const etags = await uploadParts(file, { partUrls, partSize, signal });
  failpoint("trainer.parts-uploaded");
  const { file: recorded } = await relay.completeUpload({ uploadId, etags }, signal);
  failpoint("trainer.file-uploaded");
  if (!recorded) throw new Error(`The relay has no record of ${fileName}`);
  return recorded;
}
