import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { failpoint } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import { type EngineEvent, parseEngineEvent } from "./engine-events.ts";
import type { Halt } from "./halt.ts";

export interface EngineCommand {
  readonly python: string;
  readonly engineDir: string;
  readonly workDir: string;
  readonly threads: number;
  readonly environment: Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL. */
  readonly stopSeconds: number;
}

export interface EngineEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines that it wrote to its standard output and error. */
  readonly lastLines: readonly string[];
}

const KEPT_LINES = 40;
const KEPT_LINE_LENGTH = 400;

/** Runs the engine on `spec.json` in the work folder and hands on its events in order. Ends it when the halt asks for that. */
export async function runEngine(
  command: EngineCommand,
  halt: Halt,
  logger: Logger,
  onEvent: (event: EngineEvent) => void,
): Promise<EngineEnd> {
  const child = spawn(
    command.python,
    ["-m", "gradients_engine", "run", "--spec", "spec.json", "--events-fd", "3"],
    {
      cwd: command.workDir,
      env: environmentOf(command),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    },
  );
  failpoint("trainer.engine-started");
  const lastLines: string[] = [];
  const streams = [keepLines(child.stdout, lastLines), keepLines(child.stderr, lastLines)];
  const events = readEvents(child.stdio[3] as Readable, logger, onEvent); // the pipe asked for above
  const stopWatching = endOnHalt(child, halt, command.stopSeconds);
  try {
    const [exitCode, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    await Promise.all([events, ...streams]);
    return { exitCode, signal, lastLines };
  } finally {
    stopWatching();
  }
}

function environmentOf({ environment, engineDir, threads }: EngineCommand): Record<string, string> {
  return {
    ...environment,
    PYTHONPATH: engineDir,
    PYTHONUNBUFFERED: "1",
    PYTHONDONTWRITEBYTECODE: "1",
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    TOKENIZERS_PARALLELISM: "false",
    HF_HUB_OFFLINE: "1",
    TRANSFORMERS_OFFLINE: "1",
  };
}

async function readEvents(
  stream: Readable,
  logger: Logger,
  onEvent: (event: EngineEvent) => void,
): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    try {
      onEvent(parseEngineEvent(line));
    } catch (error) {
      logger.error({ err: error }, "the engine sent a line that is no event of ours");
    }
  }
}

async function keepLines(stream: Readable | null, kept: string[]): Promise<void> {
  if (!stream) return;
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    kept.push(line.slice(0, KEPT_LINE_LENGTH));
    if (kept.length > KEPT_LINES) kept.shift();
  }
}

function endOnHalt(child: ChildProcess, halt: Halt, stopSeconds: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const kill = () => child.kill("SIGKILL");
  const end = () => {
    if (halt.atOnce.aborted) return kill();
    child.kill("SIGTERM");
    timer = setTimeout(kill, stopSeconds * 1000);
  };
  if (halt.signal.aborted) end();
  halt.signal.addEventListener("abort", end);
  halt.atOnce.addEventListener("abort", kill);
  return () => {
    clearTimeout(timer);
    halt.signal.removeEventListener("abort", end);
    halt.atOnce.removeEventListener("abort", kill);
  };
}
