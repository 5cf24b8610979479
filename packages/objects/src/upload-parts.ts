import { openAsBlob } from "node:fs";
import { TransferFailed } from "./errors.ts";
import { checkStatus, nameOf, retryTransfer } from "./transfer.ts";

const PARTS_IN_FLIGHT = 3;

export interface UploadPartsOptions {
  /** Presigned URL of each part, in order. */
  readonly partUrls: readonly string[];
  /** Bytes of each part but the last. */
  readonly partSize: number | bigint;
  readonly signal?: AbortSignal;
  /** Called after each part with the bytes that are safely there. */
  readonly onProgress?: (uploadedBytes: number) => void;
}

/**
 * Uploads a file to presigned part URLs, a few parts at a time, each tried again on its own. Returns the
 * ETags in part order. Throws TransferRefused (expired URL), TransferFailed, or the signal's reason.
 */
export async function uploadParts(path: string, options: UploadPartsOptions): Promise<string[]> {
  const file = await openAsBlob(path);
  const partSize = Number(options.partSize);
  checkPartCount(path, file.size, partSize, options.partUrls.length);
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const etags: string[] = [];
  const parts = options.partUrls.entries();
  let uploadedBytes = 0;
  const work = async (): Promise<void> => {
    for (const [index, url] of parts) {
      const content = file.slice(index * partSize, (index + 1) * partSize);
      etags[index] = await putPart(url, content, signal);
      uploadedBytes += content.size;
      options.onProgress?.(uploadedBytes);
    }
  };
  const workers = Array.from({ length: Math.min(PARTS_IN_FLIGHT, options.partUrls.length) }, () =>
    work().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.all(workers);
  return etags;
}

function checkPartCount(path: string, size: number, partSize: number, urls: number): void {
  const needed = Math.max(1, Math.ceil(size / partSize));
  if (needed !== urls)
    throw new RangeError(
      `${path} has ${size} bytes, that is ${needed} parts of ${partSize}, but there are ${urls} URLs`,
    );
}

/** A blob is read from disk anew for each try and has a known length, which S3 demands. */
function putPart(url: string, content: Blob, signal: AbortSignal): Promise<string> {
  return retryTransfer(nameOf(url), signal, async () => {
    const response = await fetch(url, { method: "PUT", body: content, signal });
    await checkStatus(nameOf(url), response);
    const etag = response.headers.get("etag");
    await response.body?.cancel();
    if (!etag) throw new TransferFailed(`${nameOf(url)} answered without an ETag`);
    return etag;
  });
}
