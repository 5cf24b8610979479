import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { type Clock, failpoint, systemClock } from "@gradients/kernel";
import { TransferFailed } from "./errors.ts";
import { checkStatus, nameOf, retryTransfer, type TransferContext } from "./transfer.ts";

const PARTS_IN_FLIGHT = 3;

export interface UploadPartsOptions {
  /** Presigned URL of each part, in order. */
  readonly partUrls: readonly string[];
  /** Bytes of each part but the last. */
  readonly partSize: number | bigint;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Called after each part with the bytes that are safely there. */
  readonly onProgress?: (uploadedBytes: number) => void;
}

/**
 * Uploads a file to presigned part URLs, a few parts at a time, each tried again on its own. Returns the
 * ETags in part order. Throws TransferRefused (expired URL), TransferFailed, or the signal's reason.
 */
export async function uploadParts(path: string, options: UploadPartsOptions): Promise<string[]> {
  const { clock = systemClock } = options;
  const { size } = await stat(path);
  const partSize = Number(options.partSize);
  checkPartCount(path, size, partSize, options.partUrls.length);
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const etags: string[] = [];
  const parts = options.partUrls.entries();
  let uploadedBytes = 0;
  const work = async (): Promise<void> => {
    for (const [index, url] of parts) {
      const part = { path, start: index * partSize, end: Math.min((index + 1) * partSize, size) };
      failpoint("objects.before-part");
      etags[index] = await putPart(url, part, { subject: nameOf(url), clock, signal });
      failpoint("objects.part-stored");
      uploadedBytes += part.end - part.start;
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

interface Part {
  readonly path: string;
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

function putPart(url: string, part: Part, context: TransferContext): Promise<string> {
  const signal = context.signal ?? null;
  return retryTransfer(context, async () => {
    const response = await fetch(url, { method: "PUT", signal, ...streamed(part) });
    await checkStatus(context.subject, response);
    const etag = response.headers.get("etag");
    await response.body?.cancel();
    if (!etag) throw new TransferFailed(`${context.subject} answered without an ETag`);
    return etag;
  });
}

/**
 * S3 demands the length, which a stream does not have. With these two options fetch sends the stream as it
 * comes; otherwise it keeps a copy of the whole part, in case it had to follow a redirect.
 */
const UNCOPIED = { redirect: "error", window: null, duplex: "half" } as const;

function streamed({ path, start, end }: Part): RequestInit {
  if (start === end) return { body: "" };
  const file = createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 });
  // Without a strategy, toWeb takes the file's high-water mark in bytes for a number of chunks.
  const body = Readable.toWeb(file, { strategy: new CountQueuingStrategy({ highWaterMark: 1 }) });
  // Node's own declaration of web streams and the DOM's differ in details that fetch does not touch.
  return { ...UNCOPIED, body: body as ReadableStream, headers: { "content-length": String(end - start) } };
}
