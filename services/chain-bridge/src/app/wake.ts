import type { Clock } from "@gradients/kernel";

/** Something to wait on that others ring. A ring while nobody waits is kept for the next wait. */
export interface Wake {
  readonly ring: () => void;
  /** Until it rings, the time is over or the signal aborts; never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export function createWake(clock: Clock): Wake {
  let rung = false;
  let answer: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      answer?.();
    },
    wait: async (milliseconds, signal) => {
      const over = new AbortController();
      const ringing = new Promise<void>((resolve) => {
        answer = resolve;
        if (rung) resolve();
      });
      const slept = clock.sleep(milliseconds, AbortSignal.any([signal, over.signal])).catch(() => undefined);
      await Promise.race([ringing, slept]);
      over.abort();
      answer = undefined;
      rung = false;
    },
  };
}
