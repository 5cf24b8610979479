import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { FileChanged } from "./errors.ts";

/** What a part is read and checked by. */
const BLOCK_BYTES = 1024 * 1024;

/** A file as it was when its digest was made: what is read from it later are those bytes, or FileChanged is thrown. */
export interface SealedFile {
  /** For messages. */
  readonly name: string;
  readonly size: bigint;
  readonly sha256: string;
  /** Bytes from `start` to `end` (not included). */
  read(start: number, end: number): AsyncGenerator<Uint8Array>;
}

/**
 * Digests an open file whose writer is not trusted to leave it alone: as a whole, and by blocks, so that any part can be checked while it is sent. Reads as
 * many bytes as the file has now. The handle must stay open for as long as the file is read, and is not closed here.
 */
export async function sealFile(handle: FileHandle, name: string, signal?: AbortSignal): Promise<SealedFile> {
  const { size } = await handle.stat();
  const whole = createHash("sha256");
  const blocks: string[] = [];
  for (let start = 0; start < size; start += BLOCK_BYTES) {
    signal?.throwIfAborted();
    const block = await readBlock(handle, name, start, size);
    whole.update(block);
    blocks.push(digestOf(block));
  }
  const sealed = { handle, name, size, blocks };
  return {
    name,
    size: BigInt(size),
    sha256: whole.digest("hex"),
    read: (start, end) => readChecked(sealed, start, end),
  };
}

interface Sealed {
  readonly handle: FileHandle;
  readonly name: string;
  readonly size: number;
  readonly blocks: readonly string[];
}

/** Whole blocks are read and compared, also where only a piece of one is wanted. */
async function* readChecked(
  { handle, name, size, blocks }: Sealed,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  for (let index = Math.floor(start / BLOCK_BYTES); index * BLOCK_BYTES < end; index++) {
    const offset = index * BLOCK_BYTES;
    const block = await readBlock(handle, name, offset, size);
    if (digestOf(block) !== blocks[index]) throw new FileChanged(name);
    yield block.subarray(Math.max(0, start - offset), end - offset);
  }
}

async function readBlock(handle: FileHandle, name: string, start: number, size: number): Promise<Buffer> {
  const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size - start));
  for (let filled = 0; filled < block.byteLength; ) {
    const { bytesRead } = await handle.read(block, filled, block.byteLength - filled, start + filled);
    if (bytesRead === 0) throw new FileChanged(name);
    filled += bytesRead;
  }
  return block;
}

function digestOf(block: Buffer): string {
  return createHash("sha256").update(block).digest("base64");
}
