import { type Clock, systemClock } from "@gradients/kernel";
import type { Logger } from "./logger.ts";

export interface BackoffOptions {
  readonly initialMs?: number;
  readonly maxMs?: number;
  /** A number in [0, 1); Math.random if absent. */
  readonly random?: () => number;
}

/** Endless delays that double up to `maxMs`, each somewhere in its upper half so that many clients do not come back at one moment. */
export function* backoffDelays({
  initialMs = 100,
  maxMs = 30_000,
  random = Math.random,
}: BackoffOptions = {}): Generator<number, never> {
  for (let ceiling = initialMs; ; ceiling = Math.min(ceiling * 2, maxMs)) {
    yield Math.round(ceiling / 2 + (random() * ceiling) / 2);
  }
}

export interface RetryOptions extends BackoffOptions {
  /** What is tried, for the log, e.g. "connect to NATS". */
  readonly what: string;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Without end if absent. */
  readonly maxAttempts?: number;
  /** A try that lasted this long before it failed starts the delays anew: for `fn` that is meant to run on. */
  readonly resetAfterMs?: number;
  /** False ends the retries at once; everything is tried again if absent. */
  readonly isRetryable?: (error: unknown) => boolean;
}

/** Calls `fn` until it succeeds. The longer the wait between two tries, the louder the log. Rejects with the last error, or with the signal's reason. */
export async function withBackoff<T>(options: RetryOptions, fn: (attempt: number) => Promise<T>): Promise<T> {
  const {
    what,
    logger,
    signal,
    clock = systemClock,
    maxAttempts = Number.POSITIVE_INFINITY,
    isRetryable = () => true,
  } = options;
  const { resetAfterMs = Number.POSITIVE_INFINITY } = options;
  let delays = backoffDelays(options);
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const startedAt = clock.elapsedMs();
    try {
      return await fn(attempt);
    } catch (error) {
      if (signal?.aborted || attempt >= maxAttempts || !isRetryable(error)) throw error;
      if (clock.elapsedMs() - startedAt >= resetAfterMs) delays = backoffDelays(options);
      const { value: delayMs } = delays.next();
      logger[levelOf(delayMs)]({ what, attempt, delay_ms: delayMs, err: error }, "failed, trying again");
      await clock.sleep(delayMs, signal);
    }
  }
}

function levelOf(delayMs: number): "debug" | "info" | "warn" | "error" {
  if (delayMs < 500) return "debug";
  if (delayMs < 2_000) return "info";
  return delayMs < 10_000 ? "warn" : "error";
}
