import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const pattern = /^split-(\d+)-/;

/** A folder for one split below the work folder. Its name tells the process, so that it can be removed when that is gone. */
export async function makeSplitFolder(workFolder: string): Promise<string> {
  await mkdir(workFolder, { recursive: true });
  return mkdtemp(join(workFolder, `split-${process.pid}-`));
}

/** Removes what processes that were killed have left: a split that runs out of memory must not fill the disk as well. */
export async function removeLeftovers(workFolder: string): Promise<void> {
  for (const name of await readdir(workFolder).catch(() => [])) {
    const pid = Number(pattern.exec(name)?.[1]);
    const path = join(workFolder, name);
    if (await isLeftOver(pid, path)) await rm(path, { recursive: true, force: true });
  }
}

/** In a container every life of the process has the same number: a folder that is older than this process is left over. */
async function isLeftOver(pid: number, path: string): Promise<boolean> {
  if (Number.isNaN(pid)) return false;
  if (pid !== process.pid) return !isAlive(pid);
  const startedAt = Date.now() - process.uptime() * 1_000;
  return (await stat(path)).birthtimeMs < startedAt;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
