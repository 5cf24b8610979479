import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sendSignal } from "@gradients/dev/send-signal";

export interface PodProcess {
  readonly pid: number;
  readonly role: "agent" | "engine";
  readonly attemptId: string;
  readonly epoch: number;
}

/** Every process that was started for a pod in that folder and still exists: the agent leads its group, whatever else is in it is the engine. */
export async function podProcesses(fleetDir: string): Promise<readonly PodProcess[]> {
  const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(numbers.map((pid) => inspect(pid, fleetDir)));
  return found.filter((process) => process !== undefined);
}

export async function killPods(fleetDir: string): Promise<void> {
  for (const { pid } of await podProcesses(fleetDir)) sendSignal(pid, "SIGKILL");
}

/** A pod's processes are known by their home folder, which everything that they start inherits. */
async function inspect(pid: number, fleetDir: string): Promise<PodProcess | undefined> {
  try {
    const environment = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
    const home = environment.find((entry) => entry.startsWith(`HOME=${join(fleetDir, "attempt-")}`));
    const match = /attempt-([0-9a-f-]+)-e(\d+)/.exec(home ?? "");
    if (!match) return undefined;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z") return undefined;
    const role = Number(group) === pid ? "agent" : "engine";
    return { pid, role, attemptId: match[1] ?? "", epoch: Number(match[2]) };
  } catch {
    return undefined; // ended meanwhile
  }
}
