import type { Clock } from "@gradients/kernel";
import { backoffDelays } from "@gradients/runtime";
import { ObjectError, TransferFailed, TransferRefused } from "./errors.ts";

/** With the delays between them about 40 s: long enough for the other side to be restarted. */
const MAX_FRUITLESS_TRIES = 12;
const MAX_DELAY_MS = 10_000;
const MAX_DETAIL_LENGTH = 300;

export interface TransferContext {
  /** For messages. */
  readonly subject: string;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

export interface Attempt {
  /** Bytes that this try has moved on; a try with progress starts the count of tries anew. */
  progressed: boolean;
}

/**
 * Tries a transfer again after network failures, with growing delays. Refusals, wrong digests and the signal
 * end it at once.
 */
export async function retryTransfer<T>(
  { subject, clock, signal }: TransferContext,
  transfer: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  let delays = backoffDelays({ maxMs: MAX_DELAY_MS });
  for (let fruitless = 0; ; ) {
    const attempt: Attempt = { progressed: false };
    try {
      return await transfer(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ObjectError && !(error instanceof TransferFailed)) throw error;
      if (attempt.progressed) delays = backoffDelays({ maxMs: MAX_DELAY_MS });
      fruitless = attempt.progressed ? 0 : fruitless + 1;
      if (fruitless >= MAX_FRUITLESS_TRIES)
        throw new TransferFailed(`${subject} failed ${fruitless} times in a row`, { cause: error });
    }
    await clock.sleep(delays.next().value, signal);
  }
}

/**
 * Throws unless the status is a success: TransferFailed for what may pass (5xx, 408, 429), TransferRefused
 * for the rest.
 */
export async function checkStatus(subject: string, response: Response): Promise<void> {
  if (response.ok) return;
  const detail = (await response.text()).slice(0, MAX_DETAIL_LENGTH);
  if (response.status >= 500 || response.status === 408 || response.status === 429) {
    throw new TransferFailed(`${subject} answered HTTP ${response.status}: ${detail}`);
  }
  throw new TransferRefused(subject, response.status, detail);
}

/** A presigned URL's query is a credential: it stays out of messages. */
export function nameOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
