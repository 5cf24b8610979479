import type { PodStatus } from "../fleet/gpu-fleet.ts";

/** Which pods are being started, and which have been since a list of them was asked for: a pass works with a list that does not know them. */
export interface Starts {
  during(name: string, start: () => Promise<PodStatus>): Promise<PodStatus>;
  isGoingOn(name: string): boolean;
  /** Forgets those that a list begun at that moment, by performance.now(), must know. */
  since(listedAt: number): readonly PodStatus[];
}

export function createStarts(): Starts {
  const goingOn = new Set<string>();
  const done = new Map<string, { readonly status: PodStatus; readonly at: number }>();
  return {
    during: async (name, start) => {
      goingOn.add(name);
      try {
        const status = await start();
        done.set(name, { status, at: performance.now() });
        return status;
      } finally {
        goingOn.delete(name);
      }
    },
    isGoingOn: (name) => goingOn.has(name),
    since: (listedAt) => {
      for (const [name, { at }] of done) if (at < listedAt) done.delete(name);
      return [...done.values()].map(({ status }) => status);
    },
  };
}
