import { join } from "node:path";
import { paths } from "../../setup/paths.mjs";

const root = join(paths.cache, "cluster");
const tool = join(paths.repositoryRoot, "tools/cluster");

/** Outside the checkout: checkouts share what was built, and there is one cluster for all. */
export const binFolder = join(root, "bin");
export const buildLock = join(root, "build.lock");
export const runFolder = join(root, "run");
/** Images that were brought into the node outlive the cluster: to unpack gigabytes takes longer than all else that `up` does. */
export const imagesFolder = join(root, "images");
export const runLock = join(root, "run.lock");

export const modulesFolder = join(tool, "modules");
export const configFile = (name: string) => join(tool, "config", name);
