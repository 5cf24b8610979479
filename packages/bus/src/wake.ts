import { setTimeout as delay } from "node:timers/promises";

/** A bell that remembers one ring: `wait` returns at once when it rang since the last wait. */
export interface Wake {
  ring(): void;
  /** Resolves at a ring, after `milliseconds`, or when the signal aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createWake(): Wake {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    wait: async (milliseconds, signal) => {
      const cancel = new AbortController();
      const late = delay(milliseconds, undefined, { signal: AbortSignal.any([signal, cancel.signal]) }).catch(
        () => {},
      ); // a cut wait is a finished one
      await Promise.race([rung.promise, late]);
      cancel.abort();
      rung = Promise.withResolvers<void>();
    },
  };
}
