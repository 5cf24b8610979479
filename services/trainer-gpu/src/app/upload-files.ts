import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FileRef } from "@gradients/contracts/common";
import type { UploadPurpose } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import { sha256OfFile, TransferRefused, uploadParts } from "@gradients/objects";
import type { Relay } from "./relay.ts";

/** URLs that ran out while the relay was away are asked for anew. */
const MAX_TRIES = 3;

/** Uploads files one after the other. Returns what the relay has recorded. */
export async function uploadFiles(
  relay: Relay,
  paths: readonly string[],
  { purpose, step }: { readonly purpose: UploadPurpose; readonly step: bigint },
  signal: AbortSignal,
): Promise<readonly FileRef[]> {
  const files: FileRef[] = [];
  for (const path of paths) {
    files.push(await uploadFile(relay, path, { purpose, step, fileName: basename(path) }, signal));
  }
  return files;
}

/** The files of a folder, sorted by name; folders inside it are none of ours. */
export async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [join(folder, entry.name)] : [])).toSorted();
}

interface FileToUpload {
  readonly purpose: UploadPurpose;
  readonly step: bigint;
  readonly fileName: string;
}

async function uploadFile(
  relay: Relay,
  path: string,
  file: FileToUpload,
  signal: AbortSignal,
): Promise<FileRef> {
  const digest = await sha256OfFile(path, signal);
  for (let tries = 1; ; tries++) {
    try {
      return await uploadOnce(relay, path, { ...file, ...digest }, signal);
    } catch (error) {
      if (!(error instanceof TransferRefused) || tries >= MAX_TRIES) throw error;
    }
  }
}

async function uploadOnce(
  relay: Relay,
  path: string,
  file: FileToUpload & { readonly size: bigint; readonly sha256: string },
  signal: AbortSignal,
): Promise<FileRef> {
  const { uploadId, partSize, partUrls } = await relay.beginUpload(file, signal);
  failpoint("trainer.upload-begun");
  const etags = await uploadParts(path, { partUrls, partSize, signal });
  failpoint("trainer.parts-uploaded");
  const { file: recorded } = await relay.completeUpload({ uploadId, etags }, signal);
  failpoint("trainer.file-uploaded");
  if (!recorded) throw new Error(`The relay has no record of ${file.fileName}`);
  return recorded;
}
