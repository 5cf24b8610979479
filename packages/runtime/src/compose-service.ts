import type { Logger } from "./logger.ts";
import type { Addresses, Service } from "./service.ts";

/** One long-running thing inside a service: a pool, a server, a relay, a loop. */
export interface Part {
  readonly name: string;
  /** Makes it ready; parts start one after the other, in order. */
  start?(): Promise<Addresses | void>;
  /** Works until the signal aborts and then returns in good order. Returning or throwing before that is a death, which stops the service. */
  run?(signal: AbortSignal): Promise<void>;
  /** Releases what `start` took; called after `run` has returned. */
  stop?(): Promise<void>;
  /** For `run` to return and `stop` to finish, together. 5 s if absent. */
  readonly stopTimeoutMs?: number;
}

export interface ComposeOptions {
  readonly name: string;
  readonly logger: Logger;
  readonly parts: readonly Part[];
}

/**
 * A service made of parts. They start in order and stop in reverse order, each with its own time-out and log line, so intake stands last in the list
 * and what everything else needs (the pool) first. A part is told to stop only when all parts after it have stopped.
 */
export function composeService({ name, logger, parts }: ComposeOptions): Service {
  const started: Part[] = [];
  return {
    name,
    start: () => startParts(parts, started, logger),
    run: (signal) => runParts(started, signal, logger),
  };
}

async function startParts(parts: readonly Part[], started: Part[], logger: Logger): Promise<Addresses> {
  const addresses: Record<string, string> = {};
  for (const part of parts) {
    try {
      Object.assign(addresses, (await part.start?.()) ?? {});
      started.push(part);
    } catch (cause) {
      await stopInReverse(started.map(idle), logger);
      throw new Error(`Could not start ${part.name}`, { cause });
    }
  }
  return addresses;
}

async function runParts(parts: readonly Part[], signal: AbortSignal, logger: Logger): Promise<void> {
  const runs = parts.map(beginRun);
  const death = await firstDeath(runs, signal);
  if (death) logger.error({ part: death.run.part.name, err: death.cause }, "part died, stopping the service");
  const problems = await stopInReverse(
    runs.map((run) => (run === death?.run ? idle(run.part) : run)),
    logger,
  );
  if (death) throw new Error(`${death.run.part.name} died`, { cause: death.cause });
  if (problems.length > 0) throw new AggregateError(problems, `Stopped with ${problems.length} problem(s)`);
}

function beginRun(part: Part): PartRun {
  const stopping = new AbortController();
  const ended = part.run ? part.run(stopping.signal) : undefined;
  ended?.catch(() => {}); // observed by firstDeath and stopPart
  return { part, stopping, ended };
}

function idle(part: Part): PartRun {
  return { part, stopping: new AbortController(), ended: undefined };
}

/** Undefined when the signal aborted first. */
function firstDeath(runs: readonly PartRun[], signal: AbortSignal): Promise<Death | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    for (const run of runs) {
      run.ended?.then(
        () => resolve({ run, cause: new Error("ended before it was told to stop") }),
        (cause: unknown) => resolve({ run, cause }),
      );
    }
  });
}

async function stopInReverse(runs: readonly PartRun[], logger: Logger): Promise<Error[]> {
  const problems: Error[] = [];
  for (const run of runs.toReversed()) {
    const problem = await stopPart(run, logger);
    if (problem) problems.push(problem);
  }
  return problems;
}

async function stopPart({ part, stopping, ended }: PartRun, logger: Logger): Promise<Error | undefined> {
  const startedAt = performance.now();
  const timeoutMs = part.stopTimeoutMs ?? 5_000;
  try {
    stopping.abort();
    await withTimeout(timeoutMs, async () => {
      try {
        await ended;
      } finally {
        await part.stop?.();
      }
    });
    logger.info({ part: part.name, duration_ms: Math.round(performance.now() - startedAt) }, "part stopped");
    return undefined;
  } catch (cause) {
    logger.error({ part: part.name, err: cause }, "part did not stop in good order");
    return new Error(`${part.name} did not stop in good order`, { cause });
  }
}

async function withTimeout(milliseconds: number, work: () => Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`still busy after ${milliseconds} ms`)), milliseconds);
  try {
    await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

interface PartRun {
  readonly part: Part;
  readonly stopping: AbortController;
  readonly ended: Promise<void> | undefined;
}

interface Death {
  readonly run: PartRun;
  readonly cause: unknown;
}
