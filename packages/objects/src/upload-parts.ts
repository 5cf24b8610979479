import { type Clock, failpoint, systemClock } from "@gradients/kernel";
import { TransferFailed } from "./errors.ts";
import type { SealedFile } from "./sealed-file.ts";
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
 * ETags in part order. Throws TransferRefused (expired URL), TransferFailed, FileChanged, or the signal's reason.
 */
export async function uploadParts(file: SealedFile, options: UploadPartsOptions): Promise<string[]> {
  const { clock = systemClock } = options;
  const size = Number(file.size);
  const partSize = Number(options.partSize);
  checkPartCount(file.name, size, partSize, options.partUrls.length);
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const etags: string[] = [];
  const parts = options.partUrls.entries();
  let uploadedBytes = 0;
  const work = async (): Promise<void> => {
    for (const [index, url] of parts) {
      const part = { file, start: index * partSize, end: Math.min((index + 1) * partSize, size) };
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

function checkPartCount(name: string, size: number, partSize: number, urls: number): void {
  const needed = Math.max(1, Math.ceil(size / partSize));
  if (needed !== urls)
    throw new RangeError(
      `${name} has ${size} bytes, that is ${needed} parts of ${partSize}, but there are ${urls} URLs`,
    );
}

interface Part {
  readonly file: SealedFile;
  readonly start: number;
  /** Not included. */
  readonly end: number;
}

function putPart(url: string, part: Part, context: TransferContext): Promise<string> {
  const signal = context.signal ?? null;
  return retryTransfer(context, async () => {
    const body = streamed(part);
    try {
      const response = await fetch(url, { method: "PUT", signal, ...body.init });
      await checkStatus(context.subject, response);
      const etag = response.headers.get("etag");
      await response.body?.cancel();
      if (!etag) throw new TransferFailed(`${context.subject} answered without an ETag`);
      return etag;
    } catch (error) {
      // fetch wraps it, and a file that has changed is no trouble of the network.
      throw body.failure ?? error;
    }
  });
}

/**
 * S3 demands the length, which a stream does not have. With these two options fetch sends the stream as it
 * comes; otherwise it keeps a copy of the whole part, in case it had to follow a redirect.
 */
const UNCOPIED = { redirect: "error", window: null, duplex: "half" } as const;

interface StreamedPart {
  readonly init: RequestInit;
  /** Why the file could not be read on. */
  failure?: unknown;
}

function streamed({ file, start, end }: Part): StreamedPart {
  if (start === end) return { init: { body: "" } };
  const chunks = file.read(start, end);
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        part.failure = error;
        controller.error(error);
      }
    },
    cancel: async () => void (await chunks.return(undefined)),
  });
  const headers = { "content-length": String(end - start) };
  const part: StreamedPart = { init: { ...UNCOPIED, body, headers } };
  return part;
}
