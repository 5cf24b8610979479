import { type Clock, systemClock } from "@gradients/kernel";

/** `urgent` goes before `normal`: reads, ends and removals before new work. */
export type Lane = "urgent" | "normal";

export interface RateLimits {
  readonly perSecond: number;
  /** Calls at once after a pause. */
  readonly burst: number;
}

/** A token bucket with two lanes. The server may ask for a pause, which holds for both. */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #clock: Clock;
  readonly #waiting: Record<Lane, Waiter[]> = { urgent: [], normal: [] };
  #tokens: number;
  #countedAt: number;
  #pausedUntil = 0;
  #isServing = false;

  constructor(limits: RateLimits, clock: Clock = systemClock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#tokens = limits.burst;
    this.#countedAt = clock.now().getTime();
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
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now().getTime() + milliseconds);
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    for (let waitMs = 0; this.#waiting.urgent.length + this.#waiting.normal.length > 0; ) {
      if (waitMs > 0) await this.#clock.sleep(waitMs);
      waitMs = this.#delay();
      if (waitMs > 0) continue;
      const waiter = this.#waiting.urgent.shift() ?? this.#waiting.normal.shift();
      if (waiter) this.#tokens--;
      waiter?.serve();
    }
    this.#isServing = false;
  }

  /** Milliseconds until the next turn. */
  #delay(): number {
    const now = this.#clock.now().getTime();
    const { perSecond, burst } = this.#limits;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#countedAt) / 1000) * perSecond);
    this.#countedAt = now;
    if (now < this.#pausedUntil) return this.#pausedUntil - now;
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / perSecond) * 1000);
  }
}

interface Waiter {
  readonly serve: () => void;
}
