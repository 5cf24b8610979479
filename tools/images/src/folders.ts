import { mkdirSync, rmSync } from "node:fs";
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

/** The work folder is there while `fn` runs, and gone afterwards. */
export async function inWorkFolder<T>(fn: () => Promise<T>): Promise<T> {
  mkdirSync(folders.work, { recursive: true });
  try {
    return await fn();
  } finally {
    rmSync(folders.work, { recursive: true, force: true });
  }
}
