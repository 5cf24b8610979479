import { execFile } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SIZE = "64m";
const BALLAST = ".ballast";
const CHUNK = Buffer.alloc(1 << 20);

/** Why there can be none here; undefined where there can. */
export function noSmallDisk(): string | undefined {
  return process.platform === "linux" && process.getuid?.() === 0
    ? undefined
    : "a disk of its own for trainers can be mounted by root on Linux only";
}

/** Mounts a small disk on the folder; the result takes it away again. */
export async function mountSmallDisk(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=755`, "trainers", folder]);
  return async () => void (await run("umount", ["--lazy", folder]));
}

/** Takes all the room that is left, to the last byte; the result gives it back. */
export async function fillDisk(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, BALLAST);
  const file = await open(path, "w");
  try {
    for (let size = CHUNK.length; size > 0; ) {
      const written = await file.write(CHUNK, 0, size).catch(() => undefined);
      if (!written) size >>= 1;
    }
  } finally {
    await file.close();
  }
  return () => rm(path, { force: true });
}
