import { type Clock, type RateLimit, systemClock, type TokenBucket, takeToken } from "@gradients/kernel";

/** `urgent` goes before `normal`: reads, ends and removals before new work. */
export type Lane = "urgent" | "normal";

/** A token bucket with two lanes. The server may ask for a pause, which holds for both. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #waiting: Record<Lane, Waiter[]> = { urgent: [], normal: [] };
  #bucket: TokenBucket | undefined;
  #pausedUntil = 0;
  #isServing = false;

  constructor(limit: RateLimit, clock: Clock = systemClock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn; rejects with the signal's reason. */
  async take(lane: Lane, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const turn = Promise.withResolvers<void>();
    const waiter: Waiter = { serve: turn.resolve };
    const onAbort = () => {
      this.#waiting[lane] = this.#waiting[lane].filter((one) => one !== waiter);
      turn.reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiting[lane].push(waiter);
    void this.#serve();
    await turn.promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  /** Nobody's turn comes for that long. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.elapsedMs() + milliseconds);
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#waiting.urgent.length + this.#waiting.normal.length > 0) {
      const waitMs = this.#takeTurn();
      if (waitMs > 0) await this.#clock.sleep(waitMs);
      else (this.#waiting.urgent.shift() ?? this.#waiting.normal.shift())?.serve();
    }
    this.#isServing = false;
  }

  /** 0 when a turn is taken, else the milliseconds until there is one. */
  #takeTurn(): number {
    const now = this.#clock.elapsedMs();
    if (now < this.#pausedUntil) return this.#pausedUntil - now;
    const taken = takeToken(this.#bucket, now, this.#limit);
    if (!taken.ok) return taken.retryAfterMs;
    this.#bucket = taken.bucket;
    return 0;
  }
}

interface Waiter {
  readonly serve: () => void;
}
