import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** All pods of the node live below this cgroup, so that no other cluster's pods are ever touched. */
export const cgroupName = "gradients-cluster";

const root = "/sys/fs/cgroup";

/** All pods together weigh as much as twenty processes of the machine, which they share with it; with the usual weight, that of one, a busy machine starves them. Versions 1 and 2. */
const podsWeight = [
  ["cpu.shares", "20480"],
  ["cpu.weight", "2000"],
] as const;

/** kubelet asks for it to exist in every hierarchy. */
export async function makeCgroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = join(hierarchy, cgroupName);
    await mkdir(folder, { recursive: true });
    // A new cpuset (version 1) has no processor and no memory; its children take theirs from it.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) await inherit(hierarchy, folder, file);
    for (const [file, weight] of podsWeight)
      if (existsSync(join(folder, file))) await writeFile(join(folder, file), weight);
  }
}

/** Empty ones alone can be removed, the deepest first. The kernel takes a moment to count the dead out. */
export async function removeCgroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) await removeTree(join(hierarchy, cgroupName));
}

/** Version 2 has one tree, version 1 a folder for each controller. */
async function hierarchies(): Promise<readonly string[]> {
  if (existsSync(join(root, "cgroup.controllers"))) return [root];
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
}

async function inherit(parent: string, child: string, file: string): Promise<void> {
  const content = await readFile(join(parent, file), "utf8").catch(() => "");
  if (content.trim() !== "" && existsSync(join(parent, "cpuset.cpu_exclusive")))
    await writeFile(join(child, file), content);
}

const removalTries = 100;

async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.filter((one) => one.isDirectory())) await removeTree(join(folder, entry.name));
  for (let tries = 1; ; tries += 1) {
    try {
      return await rmdir(folder);
    } catch (error) {
      if (tries === removalTries) throw error;
      await sleep(20);
    }
  }
}
