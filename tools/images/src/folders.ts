import { globSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../setup/paths.mjs";

const root = join(paths.cache, "images");

/** Everything that is built, and what it is built from. */
export const folders = {
  archives: root,
  blobs: join(root, "blobs"),
  layers: join(root, "layers"),
  debian: join(root, "debian"),
  /** Of this process alone. */
  work: join(root, `work-${process.pid}`),
} as const;

/** The work folder is there while `fn` runs, and gone afterwards. So are those of processes that were killed: each may hold gigabytes. */
export async function inWorkFolder<T>(fn: () => Promise<T>): Promise<T> {
  for (const name of globSync("work-*", { cwd: root }))
    if (!isAlive(Number(name.slice("work-".length))))
      rmSync(join(root, name), { recursive: true, force: true });
  mkdirSync(folders.work, { recursive: true });
  try {
    return await fn();
  } finally {
    rmSync(folders.work, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // somebody else's
  }
}
