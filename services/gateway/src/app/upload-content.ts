import { createHash } from "node:crypto";
import { Refused } from "../domain/refusal.ts";

export interface ContentLimits {
  /** Declared size, 0 when unknown. */
  readonly size: bigint;
  readonly maxBytes: bigint;
}

/** Passes the content on; throws Refused, instead of ending, when its size is not the declared one, when it is empty or too large. */
export async function* guardContent(
  content: AsyncIterable<Uint8Array>,
  { size, maxBytes }: ContentLimits,
): AsyncGenerator<Uint8Array> {
  if (size > maxBytes) throw new Refused({ code: "upload_too_large", limit: maxBytes });
  let found = 0n;
  for await (const chunk of content) {
    found += BigInt(chunk.byteLength);
    if (found > maxBytes) throw new Refused({ code: "upload_too_large", limit: maxBytes });
    if (size > 0n && found > size) throw new Refused({ code: "upload_too_long", declared: size });
    yield chunk;
  }
  if (size > 0n && found < size) throw new Refused({ code: "upload_cut", declared: size, found });
  if (found === 0n) throw new Refused({ code: "upload_empty" });
}

const HEAD_BYTES = 256;

/** The first bytes, enough to tell a format by, and the whole content including them. */
export async function peek(
  source: AsyncGenerator<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly content: AsyncIterable<Uint8Array> }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const next = await source.next();
    if (next.done) break;
    chunks.push(next.value);
    length += next.value.byteLength;
  }
  return { head: Buffer.concat(chunks), content: chain(chunks, source) };
}

async function* chain(
  chunks: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  yield* rest;
}

/** Hexadecimal SHA-256 of content that is read for nothing else. */
export async function digestOf(content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) {
    signal.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
}
