import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { failpoint } from "@gradients/kernel";
import { Digester } from "./digest.ts";
import { DigestMismatch } from "./errors.ts";
import type { ObjectRef } from "./object-ref.ts";

/** Content of more bytes is sent as a multipart upload. */
export const PART_BYTES = 8 * 1024 * 1024;
const PARTS_IN_FLIGHT = 2;

export type PutBody = AsyncIterable<Uint8Array> | Uint8Array;

export interface PutOptions {
  /** Expected digest; content with another one is not stored. */
  readonly sha256?: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/**
 * One PUT for small content, a multipart upload otherwise. When the source throws, nothing is stored and the
 * parts are dropped.
 */
export async function putObject(
  client: S3Client,
  bucket: string,
  key: string,
  body: PutBody,
  options: PutOptions = {},
): Promise<ObjectRef> {
  const { sha256, contentType, signal } = options;
  signal?.throwIfAborted();
  const digested = new DigestedSource(key, body instanceof Uint8Array ? [body] : body, sha256);
  const upload = new Upload({
    client,
    params: {
      Bucket: bucket,
      Key: key,
      Body: Readable.from(digested, { objectMode: true, highWaterMark: 1 }),
      ...(contentType && { ContentType: contentType }),
    },
    partSize: PART_BYTES,
    queueSize: PARTS_IN_FLIGHT,
  });
  upload.on("httpUploadProgress", () => failpoint("objects.put-part-stored"));
  const abort = (): void => void upload.abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    failpoint("objects.before-put");
    await upload.done();
    failpoint("objects.put-completed");
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
  return { key, ...digested.result() };
}

/**
 * Hashes on the way through and ends with an error, not an end, when the digest is wrong: so the upload is
 * never completed.
 */
class DigestedSource {
  readonly #key: string;
  readonly #source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly #expected: string | undefined;
  #result: { readonly size: bigint; readonly sha256: string } | undefined;

  constructor(
    key: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    expected: string | undefined,
  ) {
    this.#key = key;
    this.#source = source;
    this.#expected = expected;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const digester = new Digester();
    for await (const chunk of this.#source) {
      digester.update(chunk);
      yield chunk;
    }
    const found = digester.finish();
    if (this.#expected !== undefined && found.sha256 !== this.#expected) {
      throw new DigestMismatch(this.#key, { size: found.size, sha256: this.#expected }, found);
    }
    failpoint("objects.before-put-complete");
    this.#result = found;
  }

  result(): { readonly size: bigint; readonly sha256: string } {
    if (!this.#result) throw new Error("the upload ended before its source did");
    return this.#result;
  }
}
