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
