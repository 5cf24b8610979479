import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";

/** Takes from a process's container all memory that it does not hold this moment, so that the kernel ends it at the next page that it asks for. */
export async function starve(pid: number): Promise<void> {
  const { limit, used } = memoryFiles(await readFile(`/proc/${pid}/cgroup`, "utf8"));
  const isAlive = async () => {
    // Version 1 gives back what it can read anew and refuses; version 2 ends what is left.
    await change(limit, () => "0");
    await change(limit, () => readFile(used, "utf8"));
    return existsSync(`/proc/${pid}`);
  };
  await expect.poll(isAlive, { timeout: 60_000, interval: 20 }).toBe(false);
}

/** The limit of a process's memory and what is used of it. Its cgroups as /proc lists them: memory has a tree of its own in version 1, and no name in the only tree of version 2. */
export function memoryFiles(cgroups: string): MemoryFiles {
  const own = /^\d+:memory:(.*)$/m.exec(cgroups)?.[1];
  if (own !== undefined) return within(`memory/${own}`, "memory.limit_in_bytes", "memory.usage_in_bytes");
  return within(/^0::(.*)$/m.exec(cgroups)?.[1] ?? "", "memory.max", "memory.current");
}

interface MemoryFiles {
  readonly limit: string;
  readonly used: string;
}

function within(folder: string, limit: string, used: string): MemoryFiles {
  const path = join("/sys/fs/cgroup", folder);
  return { limit: join(path, limit), used: join(path, used) };
}

/** Unless the kernel needs more than that, or the container is gone. */
async function change(file: string, content: () => string | Promise<string>): Promise<void> {
  try {
    await writeFile(file, await content());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EBUSY" && code !== "ENOENT" && code !== "ENODEV") throw error;
  }
}
