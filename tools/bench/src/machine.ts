import { execFile } from "node:child_process";
import { cpus, loadavg, totalmem } from "node:os";
import { promisify } from "node:util";
import { paths } from "../../setup/paths.mjs";

const run = promisify(execFile);

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  /** Of the last minute. */
  readonly load: number;
  readonly node: string;
}

export function readMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? 0,
    node: process.versions.node,
  };
}

export async function readCommit(): Promise<string> {
  const { stdout } = await run("git", ["describe", "--always", "--dirty"], { cwd: paths.repositoryRoot });
  return stdout.trim();
}

/** The first thing in a program's --version that looks like a version. */
export async function versionOf(program: string, args: readonly string[] = ["--version"]): Promise<string> {
  const { stdout, stderr } = await run(program, [...args]);
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown";
}
