import { setTimeout as delay } from "node:timers/promises";

export interface Bell {
  readonly ring: () => void;
  /** Resolves at a ring (at once if it has rung since the last wait), after the time, or when the signal aborts. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export function createBell(): Bell {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    wait: async (milliseconds, signal) => {
      const cancel = new AbortController();
      const options = { signal: AbortSignal.any([signal, cancel.signal]) };
      const late = delay(milliseconds, undefined, options).catch(() => {}); // a cut wait is a finished one
      await Promise.race([rung.promise, late]);
      cancel.abort();
      rung = Promise.withResolvers<void>();
    },
  };
}
