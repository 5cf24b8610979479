import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Digester, verifyDigest } from "./digest.ts";
import { DigestMismatch } from "./errors.ts";
import type { ContentDigest } from "./object-ref.ts";
import { type Attempt, checkStatus, nameOf, retryTransfer } from "./transfer.ts";

/**
 * Downloads a URL to `path` as a stream. What is there of an earlier, broken download (`<path>.part`) is
 * resumed with Range requests; the file appears under its name only when size and SHA-256 are right. Throws
 * DigestMismatch, TransferRefused (expired URL), TransferFailed, or the signal's reason.
 */
export async function downloadTo(
  url: string,
  path: string,
  expected: ContentDigest,
  signal?: AbortSignal,
): Promise<void> {
  const partial = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  const leftBytes = await sizeOf(partial);
  try {
    await new Download(url, partial, expected, signal).complete();
  } catch (error) {
    if (!(error instanceof DigestMismatch)) throw error;
    await rm(partial, { force: true });
    // What an earlier download left may be the wrong bytes: one fresh start decides.
    if (leftBytes === 0) throw error;
    return downloadTo(url, path, expected, signal);
  }
  await rename(partial, path);
}

async function sizeOf(path: string): Promise<number> {
  return existsSync(path) ? (await stat(path)).size : 0;
}

/**
 * One file on its way. The digest always covers exactly the first `digester.size` bytes of the partial file;
 * more is cut off before the next write.
 */
class Download {
  readonly #url: string;
  readonly #name: string;
  readonly #partial: string;
  readonly #expected: ContentDigest;
  readonly #signal: AbortSignal | undefined;
  #digester = new Digester();
  #highWater = 0n;

  constructor(url: string, partial: string, expected: ContentDigest, signal: AbortSignal | undefined) {
    this.#url = url;
    this.#name = nameOf(url);
    this.#partial = partial;
    this.#expected = expected;
    this.#signal = signal;
  }

  async complete(): Promise<void> {
    await this.#digestWhatIsThere();
    if (this.#digester.size < BigInt(this.#expected.size)) {
      await retryTransfer(this.#name, this.#signal, (attempt) => this.#fetchRest(attempt));
    }
    verifyDigest(this.#name, this.#expected, this.#digester.finish());
  }

  async #digestWhatIsThere(): Promise<void> {
    await (await open(this.#partial, "a")).close();
    const options = { highWaterMark: 1024 * 1024, ...(this.#signal && { signal: this.#signal }) };
    for await (const chunk of createReadStream(this.#partial, options)) this.#digester.update(chunk);
    this.#highWater = this.#digester.size;
  }

  async #fetchRest(attempt: Attempt): Promise<void> {
    const offset = this.#digester.size;
    const response = await fetch(this.#url, {
      headers: offset > 0n ? { range: `bytes=${offset}-` } : {},
      ...(this.#signal && { signal: this.#signal }),
    });
    // The object ends before what we already hold: that was of something else.
    if (response.status === 416) return response.body?.cancel();
    await checkStatus(this.#name, response);
    if (!response.headers.get("content-range")?.startsWith(`bytes ${offset}-`))
      this.#digester = new Digester();
    await this.#append(response, attempt);
  }

  /** Stops at the expected size plus one chunk: whoever sends more is wrong already. */
  async #append(response: Response, attempt: Attempt): Promise<void> {
    const file = await open(this.#partial, "r+");
    try {
      await file.truncate(Number(this.#digester.size));
      for await (const chunk of response.body ?? []) {
        await file.write(chunk, 0, chunk.byteLength, Number(this.#digester.size));
        this.#digester.update(chunk);
        if (this.#digester.size > this.#highWater) attempt.progressed = true;
        if (this.#digester.size > BigInt(this.#expected.size)) break;
      }
      await file.sync();
    } finally {
      this.#highWater = this.#digester.size > this.#highWater ? this.#digester.size : this.#highWater;
      await file.close();
    }
  }
}
