import { setTimeout as delay } from "node:timers/promises";

/** The only source of time for code that waits or decides by time, so tests can drive it. */
export interface Clock {
  now(): Date;
  /** Milliseconds since some moment: for durations, since the time of day can be set forth and back. */
  elapsedMs(): number;
  /** Resolves after `milliseconds`. Rejects with the signal's reason when it aborts first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    try {
      await delay(milliseconds, undefined, signal ? { signal } : {});
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
};

export interface ManualClock extends Clock {
  /** Moves time forward and wakes each sleeper at its own moment, in order; what a sleeper does next may sleep again within the same advance. */
  advance(milliseconds: number): Promise<void>;
}

export function manualClock(start: Date | number | string = 0): ManualClock {
  let now = new Date(start).getTime();
  const sleepers = new Set<Sleeper>();

  return {
    now: () => new Date(now),
    elapsedMs: () => now,
    sleep: (milliseconds, signal) => addSleeper(sleepers, now + milliseconds, signal),
    advance: async (milliseconds) => {
      const end = now + milliseconds;
      await settle();
      for (let next = earliest(sleepers, end); next; next = earliest(sleepers, end)) {
        now = Math.max(now, next.dueAt);
        next.wake();
        await settle();
      }
      now = end;
    },
  };
}

function addSleeper(sleepers: Set<Sleeper>, dueAt: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(reasonOf(signal));
    const leave = () => {
      sleepers.delete(sleeper);
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = () => {
      leave();
      if (signal) reject(reasonOf(signal));
    };
    const wake = () => {
      leave();
      resolve();
    };
    const sleeper: Sleeper = { dueAt, wake };
    sleepers.add(sleeper);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Whatever was given to `abort()`; an Error unless someone insists. */
function reasonOf(signal: AbortSignal): Error {
  return signal.reason as Error;
}

function earliest(sleepers: ReadonlySet<Sleeper>, until: number): Sleeper | undefined {
  let first: Sleeper | undefined;
  for (const sleeper of sleepers) {
    if (sleeper.dueAt <= until && (!first || sleeper.dueAt < first.dueAt)) first = sleeper;
  }
  return first;
}

/** Lets everything that is ready to run do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Sleeper {
  readonly dueAt: number;
  readonly wake: () => void;
}
