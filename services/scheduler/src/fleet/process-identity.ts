import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** A process that cannot be taken for another one that got the same number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** From `/proc/<pid>/stat` where there is one, else from `ps`. */
  readonly startedAt: string;
}

/**
 * A shell line that records its own identity in the file "$1" and then becomes the program "$2...": pid and process group stay, so the file is
 * true even when whoever started it dies at any moment.
 */
export const recordIdentityAndExec = [
  'started=$(cut -d " " -f 22 "/proc/$$/stat" 2>/dev/null || ps -o lstart= -p "$$")',
  'printf "%s %s\\n" "$$" "$started" > "$1.tmp" && mv "$1.tmp" "$1" || exit 71',
  "shift",
  'exec "$@"',
].join("\n");

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^(\d+) (\S.*)$/.exec(text.trim());
  return match ? { pid: Number(match[1]), startedAt: (match[2] ?? "").trim() } : undefined;
}

export async function isRunning({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  return (await startTimeOf(pid)) === startedAt;
}

/** Kills what is left of the group that `leader` led. Does nothing when its number belongs to another process by now: then the group is gone. */
export async function killGroup(leader: ProcessIdentity): Promise<void> {
  const startedAt = await startTimeOf(leader.pid);
  if (startedAt !== undefined && startedAt !== leader.startedAt) return;
  signalProcess(-leader.pid, "SIGKILL");
}

/** True while a process of the group exists, be it the leader or something that it left behind. */
export async function groupExists({ pid }: ProcessIdentity): Promise<boolean> {
  if (!signalProcess(-pid, 0)) return false;
  return !(await onlyZombies(pid));
}

/** False when there is no such process (or group, for a negative number). */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

/** When the process started; undefined when no such process runs. One that has ended and only waits to be collected does not. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const fields = await statFields(`/proc/${pid}/stat`);
  if (fields) return fields.state === "Z" ? undefined : fields.startedAt;
  if (process.platform === "linux") return undefined;
  try {
    const { stdout } = await promisify(execFile)("/bin/ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      env: { LC_ALL: "C" },
    });
    const match = /^(\S+)\s+(\S.*)$/.exec(stdout.trim());
    return match?.[1]?.startsWith("Z") ? undefined : match?.[2];
  } catch {
    return undefined; // ps exits with 1 when there is no such process
  }
}

/** Members that nobody collects (no init in the container) hold no memory and no slot. */
async function onlyZombies(group: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const members = await Promise.all(numbers.map((pid) => statFields(`/proc/${pid}/stat`)));
  return members.every((member) => member?.group !== group || member.state === "Z");
}

async function statFields(path: string): Promise<StatFields | undefined> {
  try {
    const text = await readFile(path, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // the program's name before it may hold anything
    return { state: fields[0] ?? "", group: Number(fields[2]), startedAt: fields[19] ?? "" };
  } catch {
    return undefined; // no such process, or no /proc
  }
}

interface StatFields {
  readonly state: string;
  readonly group: number;
  readonly startedAt: string;
}
