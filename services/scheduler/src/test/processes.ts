import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, vi } from "vitest";
import type { World } from "./world.ts";

/** Numbers of the processes of a pod that still runs: its agent's. */
export async function agentPid(world: World, attemptId: string, epoch = 0): Promise<number> {
  const path = join(world.fleetDir, `attempt-${attemptId}-e${epoch}`, "pid");
  const text = await vi.waitFor(() => readFile(path, "utf8"), { timeout: 20_000 });
  return Number(text.split(" ")[0]);
}

/** Numbers of the running processes of a group, by what the operating system says. */
export async function runningInGroup(group: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-axo", "pid=,pgid=,stat="]);
  const processes = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return processes.flatMap(([pid, pgid, stat]) =>
    Number(pgid) === group && !stat?.startsWith("Z") ? [Number(pid)] : [],
  );
}

/** Number of the engine's process, once it is there: its agent's only child. */
export async function enginePid(agent: number): Promise<number> {
  return vi.waitFor(
    async () => {
      const [pid] = (await runningInGroup(agent)).filter((member) => member !== agent);
      return pid ?? expect.fail("no engine yet");
    },
    { timeout: 20_000, interval: 50 },
  );
}
