import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupProblem } from "../../../setup/problem.mjs";
import type { ServerCommand } from "../control-plane/servers.ts";
import { environment } from "../run.ts";
import { isAlive, type ProcessRecord, readRecord, recordAndBecome } from "./record.ts";

/** Where servers run: on this machine as it is, or inside the node's namespaces. */
export interface Place {
  /** Command that the servers' own command follows. */
  readonly enter: readonly string[];
  /** The process table that their ids belong to. */
  readonly proc: string;
}

export const thisMachine: Place = { enter: [], proc: "/proc" };

export interface Daemons {
  /** Resolves once `isReady` no longer throws; does nothing but that when the server runs already. */
  start(command: ServerCommand, isReady: () => Promise<void>, timeoutMs?: number): Promise<void>;
  /** Asks it to stop; kills it when it doesn't within the time. */
  stop(name: string, timeoutMs?: number): Promise<void>;
  isRunning(name: string): Promise<boolean>;
  /** Names of all servers that were ever started here, in no order. */
  known(): Promise<readonly string[]>;
  logFile(name: string): string;
}

/** Servers that outlive this process. Their ids lie in `dir`/pids, so that only they are ever ended. */
export function daemonsIn(dir: string, place: Place): Daemons {
  const pids = join(dir, "pids");
  const recordFile = (name: string) => join(pids, `${name}.json`);
  const logFile = (name: string) => join(dir, "logs", `${name}.log`);
  const running = async (name: string) => {
    const record = await readRecord(recordFile(name));
    return isAlive(record, place.proc) ? record : undefined;
  };
  return {
    logFile,
    isRunning: async (name) => (await running(name)) !== undefined,
    known: async () => (await readdir(pids).catch(() => [])).map((file) => file.replace(/\.json$/, "")),
    start: async (command, isReady, timeoutMs = 60_000) => {
      if ((await running(command.name)) === undefined) {
        await rm(recordFile(command.name), { force: true });
        await launch(place, command, recordFile(command.name), logFile(command.name));
      }
      const hasEnded = async () => {
        const record = await readRecord(recordFile(command.name));
        return record !== undefined && !isAlive(record, place.proc);
      };
      await untilReady({ name: command.name, log: logFile(command.name), isReady, hasEnded, timeoutMs });
    },
    stop: async (name, timeoutMs = 10_000) => {
      const record = await running(name);
      if (record !== undefined) await end(place, record, timeoutMs);
      await rm(recordFile(name), { force: true });
    },
  };
}

/** Forked once more: the server belongs to the first process of its place, not to this one nor to the command that enters the place. */
async function launch(place: Place, command: ServerCommand, recordFile: string, logFile: string) {
  await mkdir(dirname(recordFile), { recursive: true });
  await mkdir(dirname(logFile), { recursive: true });
  const log = await open(logFile, "a");
  const become = ["sh", "-c", recordAndBecome, "gradients-cluster", recordFile];
  const [program = "", ...args] = [
    ...place.enter,
    "setsid",
    "--fork",
    ...become,
    command.program,
    ...command.args,
  ];
  const env = { ...environment(), ...command.env };
  const child = spawn(program, args, { cwd: "/", stdio: ["ignore", log.fd, log.fd], env });
  try {
    await once(child, "exit");
  } finally {
    await log.close();
  }
}

interface Wait {
  readonly name: string;
  readonly log: string;
  readonly isReady: () => Promise<void>;
  readonly hasEnded: () => Promise<boolean>;
  readonly timeoutMs: number;
}

const readyPollMs = 50;
const settledMs = 500;

/** Readiness of a server that answers nobody: it is still there after what would end it at once. */
export function settled(): () => Promise<void> {
  const until = Date.now() + settledMs;
  return async () => {
    if (Date.now() < until) throw new Error("it started just now");
  };
}

async function untilReady({ name, log, isReady, hasEnded, timeoutMs }: Wait): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const fail = (reason: string, cause: unknown) =>
    new SetupProblem(`${name} did not start: ${reason}; ${log} ends with:\n${tail(log)}`, { cause });
  for (;;) {
    const problem: unknown = await isReady().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (problem === undefined) return;
    if (await hasEnded()) throw fail("it ended while starting", problem);
    if (Date.now() > deadline) throw fail(`it was not ready after ${timeoutMs / 1000} s`, problem);
    await sleep(readyPollMs);
  }
}

function tail(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-8).join("\n");
  } catch {
    return "";
  }
}

/** The signal is sent by a shell in the place: only there does the id mean this process. */
async function end(place: Place, record: ProcessRecord, timeoutMs: number): Promise<void> {
  await signal(place, record, "TERM");
  const deadline = Date.now() + timeoutMs;
  while (isAlive(record, place.proc)) {
    if (Date.now() > deadline) await signal(place, record, "KILL");
    await sleep(20);
  }
}

async function signal(place: Place, { pid }: ProcessRecord, name: "TERM" | "KILL"): Promise<void> {
  const [program, ...args] = [...place.enter, "sh", "-c", 'kill -"$1" "$2"', "sh", name, String(pid)];
  const child = spawn(program, args, { stdio: "ignore" });
  await once(child, "exit");
}
