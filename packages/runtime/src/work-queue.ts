import { type Clock, systemClock } from "@gradients/kernel";
import { type BackoffOptions, backoffDelays } from "./backoff.ts";

export interface WorkQueueOptions {
  /** Keys that are handled at the same time. */
  readonly workers: number;
  /** Brings what the key stands for to what it should be; looks at the state by itself, so it may be called at any time. */
  readonly handle: (key: string, signal: AbortSignal) => Promise<void>;
  readonly onError: (key: string, error: unknown) => void;
  readonly backoff?: BackoffOptions;
  readonly clock?: Clock;
}

/**
 * Level-triggered work by key: a key that is added again while it waits is handled once, one that is added while it is handled is handled once more
 * afterwards, never twice at a time. A key that fails comes back by itself after a pause that grows.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #clock: Clock;
  readonly #waiting = new Set<string>();
  readonly #handled = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failing = new Map<string, Generator<number, never>>();
  readonly #resting = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #signal: AbortSignal | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get size(): number {
    return this.#waiting.size + this.#handled.size;
  }

  add(key: string): void {
    if (this.#resting.has(key)) return;
    if (this.#handled.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#serve();
  }

  /** Handles until the signal aborts, then resolves when what was begun has ended. Nothing is handled before. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#serve();
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    this.#signal = undefined;
    await Promise.all(this.#running);
    this.#waiting.clear();
  }

  #serve(): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    for (const key of this.#waiting) {
      if (this.#handled.size >= this.#options.workers) return;
      this.#waiting.delete(key);
      this.#handled.add(key);
      const work = this.#work(key, signal).finally(() => this.#running.delete(work));
      this.#running.add(work);
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.handle(key, signal);
      this.#failing.delete(key);
    } catch (error) {
      if (!signal.aborted) {
        this.#options.onError(key, error);
        void this.#rest(key, signal);
      }
    }
    this.#handled.delete(key);
    if (this.#again.delete(key) && !this.#resting.has(key)) this.#waiting.add(key);
    this.#serve();
  }

  async #rest(key: string, signal: AbortSignal): Promise<void> {
    const delays = this.#failing.get(key) ?? backoffDelays(this.#options.backoff);
    this.#failing.set(key, delays);
    this.#resting.add(key);
    await this.#clock.sleep(delays.next().value, signal).catch(() => undefined);
    this.#resting.delete(key);
    if (!signal.aborted) this.add(key);
  }
}
