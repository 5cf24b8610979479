import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { failpoint } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import { boundedLines } from "./bounded-lines.ts";
import type { EngineEvent } from "./engine-events.ts";
import type { EngineEnd, EngineRunner, EngineWork } from "./engine-runner.ts";
import { endOnHalt, type Halt } from "./halt.ts";
import { readEvents } from "./read-events.ts";

export interface SpawnedEngineOptions {
  readonly python: string;
  readonly engineDir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logger: Logger;
}

const KEPT_LINES = 40;
const KEPT_LINE_BYTES = 400;

/** The engine as a child process: events come on its file descriptor 3, SIGTERM asks it to save and end. */
export function spawnedEngine(options: SpawnedEngineOptions): EngineRunner {
  return {
    run: (work, halt, onEvent) => runEngine(options, work, halt, onEvent),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function runEngine(
  options: SpawnedEngineOptions,
  work: EngineWork,
  halt: Halt,
  onEvent: (event: EngineEvent) => void,
): Promise<EngineEnd> {
  const child = spawn(
    options.python,
    ["-m", "gradients_engine", "run", "--spec", "spec.json", "--events-fd", "3"],
    {
      cwd: work.workDir,
      env: environmentOf(options, work),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    },
  );
  failpoint("trainer.engine-started");
  const lastLines: string[] = [];
  const streams = [keepLines(child.stdout, lastLines), keepLines(child.stderr, lastLines)];
  const events = handOn(child.stdio[3] as Readable, options.logger, onEvent); // the pipe asked for above
  const stopWatching = endOnHalt(halt, work.stopSeconds, {
    ask: () => void child.kill("SIGTERM"),
    force: () => void child.kill("SIGKILL"),
  });
  try {
    const [exitCode, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    await Promise.all([events, ...streams]);
    return { exitCode, signal, lastLines };
  } finally {
    stopWatching();
  }
}

function environmentOf(
  { environment, engineDir }: SpawnedEngineOptions,
  { threads }: EngineWork,
): Record<string, string> {
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

async function handOn(
  stream: Readable,
  logger: Logger,
  onEvent: (event: EngineEvent) => void,
): Promise<void> {
  for await (const message of readEvents(stream, logger)) {
    if (message.type !== "exit") onEvent(message);
  }
}

async function keepLines(stream: Readable | null, kept: string[]): Promise<void> {
  if (!stream) return;
  for await (const line of boundedLines(stream, KEPT_LINE_BYTES)) {
    kept.push(line);
    if (kept.length > KEPT_LINES) kept.shift();
  }
}
