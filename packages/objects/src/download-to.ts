import { existsSync } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, failpoint, systemClock } from "@gradients/kernel";
import { Digester, digestFile, verifyDigest } from "./digest.ts";
import { DigestMismatch } from "./errors.ts";
import type { ContentDigest } from "./object-ref.ts";
import { type Attempt, checkStatus, nameOf, retryTransfer, type TransferContext } from "./transfer.ts";

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
  clock: Clock = systemClock,
): Promise<void> {
  const partial = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  failpoint("objects.before-download");
  const leftBytes = await sizeOf(partial);
  try {
    await new Download(url, partial, expected, { subject: nameOf(url), clock, signal }).complete();
  } catch (error) {
    if (!(error instanceof DigestMismatch)) throw error;
    await rm(partial, { force: true });
    // What an earlier download left may be the wrong bytes: one fresh start decides.
    if (leftBytes === 0) throw error;
    return downloadTo(url, path, expected, signal, clock);
  }
  await rename(partial, path);
  failpoint("objects.downloaded");
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
  readonly #partial: string;
  readonly #expected: ContentDigest;
  readonly #context: TransferContext;
  #digester = new Digester();
  #highWater = 0n;

  constructor(url: string, partial: string, expected: ContentDigest, context: TransferContext) {
    this.#url = url;
    this.#partial = partial;
    this.#expected = expected;
    this.#context = context;
  }

  async complete(): Promise<void> {
    await this.#digestWhatIsThere();
    if (this.#digester.size < BigInt(this.#expected.size)) {
      await retryTransfer(this.#context, (attempt) => this.#fetchRest(attempt));
    }
    verifyDigest(this.#context.subject, this.#expected, this.#digester.finish());
  }

  async #digestWhatIsThere(): Promise<void> {
    await (await open(this.#partial, "a")).close();
    await digestFile(this.#digester, this.#partial, this.#context.signal);
    this.#highWater = this.#digester.size;
  }

  async #fetchRest(attempt: Attempt): Promise<void> {
    const offset = this.#digester.size;
    const response = await fetch(this.#url, {
      headers: offset > 0n ? { range: `bytes=${offset}-` } : {},
      ...(this.#context.signal && { signal: this.#context.signal }),
    });
    // The object ends before what we already hold: that was of something else.
    if (response.status === 416) return response.body?.cancel();
    await checkStatus(this.#context.subject, response);
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
