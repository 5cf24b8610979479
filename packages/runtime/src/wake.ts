import { type Clock, systemClock } from "@gradients/kernel";

/** A bell that remembers one ring: `wait` returns at once when it rang since the last wait. */
export interface Wake {
  readonly ring: () => void;
  /** Resolves at a ring, after `milliseconds`, or when the signal aborts; never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createWake(clock: Clock = systemClock): Wake {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    wait: async (milliseconds, signal) => {
      const over = new AbortController();
      const slept = clock.sleep(milliseconds, AbortSignal.any([signal, over.signal])).catch(() => undefined);
      await Promise.race([rung.promise, slept]);
      over.abort();
      rung = Promise.withResolvers<void>();
    },
  };
}
