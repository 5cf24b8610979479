import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Target {
  readonly host: string;
  readonly port: number;
}

interface Times {
  /** How long nothing may have been in reach. */
  readonly holdMs: number;
  /** How long the API server may have been out of reach while a resolver is not: longer than it takes to start anew. */
  readonly outageMs: number;
}

const usual: Times = { holdMs: 2_000, outageMs: 15_000 };
/** Time for a packet that was lost to be sent once more. */
const TIMEOUT_MS = 2_000;
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
/** Whoever has waited for long looks less often: after a pause of this part of it. */
const PART_OF_WAIT = 1 / 20;

/**
 * Resolves once the network is closed, as far as a pod can tell. No pod of ours may reach the API server; but one that is away refuses connections like a
 * policy that rejects them, and just then the network learns of no pod. So the cluster's resolvers are tried as well, which the policies close with
 * everything else. When both are out of reach for two seconds, the network is closed. A resolver that stays in reach, because an operator opened it or it
 * runs on the node itself, tells nothing: then the API server has to be out of reach for longer than it takes to start anew. What this does not see: API
 * server and resolvers that are away together, and an API server that is away for longer in a network that is still open.
 */
export async function untilClosed(
  apiServer: Target,
  resolvers: readonly Target[],
  { holdMs, outageMs }: Times = usual,
): Promise<void> {
  const beganAt = performance.now();
  const api = new Absence();
  const all = new Absence();
  for (;;) {
    const askedAt = performance.now();
    const [isApiThere, ...areOthers] = await Promise.all([apiServer, ...resolvers].map(isReached));
    api.note(isApiThere === true, askedAt);
    all.note(isApiThere === true || areOthers.includes(true), askedAt);
    const now = performance.now();
    if (all.lasted(now, holdMs) || api.lasted(now, outageMs)) return;
    const pauseMs = Math.max(SHORTEST_PAUSE_MS, (now - beganAt) * PART_OF_WAIT);
    await sleep(Math.min(LONGEST_PAUSE_MS, pauseMs));
  }
}

/** How long something has been out of reach without a break. Counts from the first try that came to nothing. */
class Absence {
  #since: number | undefined;

  note(isThere: boolean, askedAt: number): void {
    this.#since = isThere ? undefined : (this.#since ?? askedAt);
  }

  lasted(now: number, milliseconds: number): boolean {
    return this.#since !== undefined && now - this.#since >= milliseconds;
  }
}

function isReached({ host, port }: Target): Promise<boolean> {
  const socket = connect({ host, port, timeout: TIMEOUT_MS });
  const answer = Promise.withResolvers<boolean>();
  socket.once("connect", () => answer.resolve(true));
  socket.once("timeout", () => answer.resolve(false));
  socket.once("error", () => answer.resolve(false));
  return answer.promise.finally(() => socket.destroy());
}
