import { join } from "node:path";
import { paths } from "../../setup/paths.mjs";

const root = join(paths.cache, "cluster");

/** Outside the checkout: checkouts share what was built. */
export const binFolder = join(root, "bin");
export const buildLock = join(root, "build.lock");

export const modulesFolder = join(paths.repositoryRoot, "tools/cluster/modules");
