import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { DigestMismatch } from "./errors.ts";
import type { ContentDigest } from "./object-ref.ts";

/** Counts and hashes what flows past. */
export class Digester {
  readonly #hash = createHash("sha256");
  #size = 0n;

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += BigInt(chunk.byteLength);
  }

  get size(): bigint {
    return this.#size;
  }

  /** Ends the digest; may be called once. */
  finish(): { readonly size: bigint; readonly sha256: string } {
    return { size: this.#size, sha256: this.#hash.digest("hex") };
  }
}

/** Size and SHA-256 of a file, read as a stream. */
export async function sha256OfFile(
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly size: bigint; readonly sha256: string }> {
  const digester = new Digester();
  await digestFile(digester, path, signal);
  return digester.finish();
}

/** Feeds a file to a digester. Rejects with the signal's reason when it aborts. */
export async function digestFile(digester: Digester, path: string, signal?: AbortSignal): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    signal?.throwIfAborted();
    digester.update(chunk);
  }
}

/**
 * Passes the chunks on and throws DigestMismatch after the last one, or as soon as there are too many bytes.
 */
export async function* verified(
  subject: string,
  source: AsyncIterable<Uint8Array>,
  expected: ContentDigest,
): AsyncGenerator<Uint8Array> {
  const digester = new Digester();
  for await (const chunk of source) {
    digester.update(chunk);
    if (digester.size > BigInt(expected.size)) break;
    yield chunk;
  }
  verifyDigest(subject, expected, digester.finish());
}

export function verifyDigest(subject: string, expected: ContentDigest, found: ContentDigest): void {
  if (BigInt(found.size) !== BigInt(expected.size) || found.sha256 !== expected.sha256)
    throw new DigestMismatch(subject, expected, found);
}
