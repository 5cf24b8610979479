import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessSample {
  readonly pid: number;
  readonly parent: number;
  readonly program: string;
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

const canRead = process.platform === "linux";
const clock = canRead ? figureOf("CLK_TCK") : 1;
const pageBytes = canRead ? figureOf("PAGESIZE") : 1;

/** This process's descendants as the kernel tells them; empty where there is no /proc. */
export function descendants(of: number = process.pid): readonly ProcessSample[] {
  if (!canRead) return [];
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => sampleOf(Number(pid)) ?? []);
  const byParent = Map.groupBy(all, ({ parent }) => parent);
  const found: ProcessSample[] = [];
  const open = [of];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop())
    for (const child of byParent.get(pid) ?? []) {
      found.push(child);
      open.push(child.pid);
    }
  return found;
}

/** CPU seconds of the descendants that run a program. Those that ended are missing. */
export function cpuSecondsOf(program: string): number {
  return descendants()
    .filter((one) => one.program === program)
    .reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Undefined once it has ended. */
export function sampleOf(pid: number): ProcessSample | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, program = "", rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(text) ?? [];
    const fields = rest.split(" ").map(Number);
    const at = (number: number) => fields[number - 3] ?? 0; // proc(5) counts from 1, the first two are cut off
    return {
      pid,
      parent: at(4),
      program,
      cpuSeconds: (at(14) + at(15)) / clock,
      rssBytes: at(24) * pageBytes,
    };
  } catch {
    return undefined;
  }
}

/** The most that it has had resident. */
export function peakRssBytes(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

/** Open files, sockets and the like. */
export function handleCount(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function figureOf(name: string): number {
  return Number(execFileSync("getconf", [name], { encoding: "utf8" }));
}
