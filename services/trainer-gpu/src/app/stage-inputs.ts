import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, copyFile, link, mkdir, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { Input } from "@gradients/contracts/trainer";
import { downloadTo, sha256OfFile } from "@gradients/objects";

export interface StagingFolders {
  readonly workDir: string;
  readonly cacheDir: string;
  /** False when the engine has the work folder alone: then what lies on another disk is copied for it. */
  readonly engineSeesCache: boolean;
}

/** At a time, so that a slow disk or network is not flooded. */
const PARALLEL = 4;

/** Brings every input to its place below the work folder, checked against its size and SHA-256. */
export async function stageInputs(
  inputs: readonly Input[],
  folders: StagingFolders,
  signal: AbortSignal,
): Promise<void> {
  const queue = inputs.values();
  const work = async () => {
    for (const input of queue) await stage(input, folders, signal);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

async function stage(
  input: Input,
  { workDir, cacheDir, engineSeesCache }: StagingFolders,
  signal: AbortSignal,
): Promise<void> {
  const path = placeBelow(workDir, input.path);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  if (!input.cacheable) return downloadTo(input.url, path, input, signal);
  const cached = await cache(input, cacheDir, signal);
  await linkOr(engineSeesCache ? symlink : copy, cached, path);
}

function placeBelow(workDir: string, path: string): string {
  const root = resolve(workDir);
  const target = resolve(root, path);
  if (!target.startsWith(root + sep))
    throw new Error(`The input "${path}" does not lie below the work folder`);
  return target;
}

/** Named by content, moved into place whole, never written again: pods of one node share it without asking each other. */
async function cache(input: Input, cacheDir: string, signal: AbortSignal): Promise<string> {
  const path = join(cacheDir, input.sha256.slice(0, 2), input.sha256);
  if (await isIntact(path, input, signal)) return path;
  const incoming = join(cacheDir, "incoming", `${input.sha256}-${randomUUID()}`);
  try {
    await downloadTo(input.url, incoming, input, signal);
    await chmod(incoming, 0o444);
    await mkdir(dirname(path), { recursive: true });
    await rename(incoming, path);
  } finally {
    await Promise.all([rm(incoming, { force: true }), rm(`${incoming}.part`, { force: true })]);
  }
  return path;
}

async function isIntact(path: string, { size, sha256 }: Input, signal: AbortSignal): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return (
    found !== undefined && BigInt(found.size) === size && (await sha256OfFile(path, signal)).sha256 === sha256
  );
}

const copy = (existing: string, path: string) => copyFile(existing, path, constants.COPYFILE_FICLONE);

async function linkOr(
  otherwise: (existing: string, path: string) => Promise<void>,
  existing: string,
  path: string,
): Promise<void> {
  try {
    await link(existing, path);
  } catch (error) {
    const isOtherDisk =
      error instanceof Error && "code" in error && (error.code === "EXDEV" || error.code === "EPERM");
    if (!isOtherDisk) throw error;
    await otherwise(existing, path);
  }
}
