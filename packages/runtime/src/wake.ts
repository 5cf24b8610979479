import { type Clock, systemClock } from "@gradients/kernel";

/** A bell that remembers one ring: `wait` returns at once when it rang since the last wait. */
export interface Wake {
  readonly ring: () => void;
  /** Resolves at a ring, after `milliseconds`, or when the signal aborts; never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createWake(clock: Clock = systemClock): Wake {
  const sleepOr = async (rung: Promise<void>, milliseconds: number, signal: AbortSignal) => {
    const over = new AbortController();
    const slept = clock.sleep(milliseconds, AbortSignal.any([signal, over.signal])).catch(() => undefined);
    await Promise.race([rung, slept]);
    over.abort(WOKEN);
  };
  let rung = Promise.withResolvers<void>();
  let isRung = false;
  const ring = () => {
    isRung = true;
    rung.resolve();
  };
  return {
    ring,
    wait: async (milliseconds, signal) => {
      if (!isRung) await sleepOr(rung.promise, milliseconds, signal);
      isRung = false;
      rung = Promise.withResolvers<void>();
    },
  };
}

/** Given as the reason, since the error that would be made for each ring costs more than the ring. */
const WOKEN = "woken";
