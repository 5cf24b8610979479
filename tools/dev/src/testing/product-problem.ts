import { existsSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { foreignCluster } from "@gradients/cluster/testing/foreign-cluster";
import { suiteProblem } from "@gradients/cluster/testing/suite-problem";
import { freeSpace } from "../../../setup/files.mjs";
import { paths } from "../../../setup/paths.mjs";

const GIB = 1024 ** 3;
/** Three trainers at a time and the services. */
const MEMORY_GIB = 12;
const PROCESSORS = 2;
/** Images of the trainer, packed and unpacked, and later what changes of them. */
const DISK_GIB = { first: 24, later: 4 } as const;

const trainerImage = join(paths.cache, "images/trainer.tar");

/** Why the product cannot be tested here on a cluster; undefined if it can. What another cluster has is not asked. */
export function productProblem(): string | undefined {
  return foreignCluster() ? undefined : ownProductProblem();
}

/** The same for what needs this machine's own cluster. */
export function ownProductProblem(): string | undefined {
  return suiteProblem("node") ?? machineProblem();
}

function machineProblem(): string | undefined {
  const processors = availableParallelism();
  if (processors < PROCESSORS) return `It needs ${PROCESSORS} processors and there is ${processors}`;
  const memory = totalmem() / GIB;
  if (memory < MEMORY_GIB) return `It needs ${MEMORY_GIB} GiB of memory and there are ${memory.toFixed(1)}`;
  const disk = freeSpace(paths.cache) / GIB;
  const needed = existsSync(trainerImage) ? DISK_GIB.later : DISK_GIB.first;
  if (disk < needed) return `It needs ${needed} GiB of disk for its images and ${disk.toFixed(1)} are free`;
  return undefined;
}
