import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { PodNetwork, Target } from "./pod-network.ts";

export interface HoldTimes {
  /** How long nothing may have been in reach. */
  readonly holdMs: number;
  /** How long the API server may have been out of reach where no resolver tells anything: longer than it takes to start anew. */
  readonly outageMs: number;
}

const usual: HoldTimes = { holdMs: 2_000, outageMs: 15_000 };
/** Time for a packet that was lost to be sent once more. */
const TIMEOUT_MS = 2_000;
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
/** Whoever has waited for long looks less often: after a pause of this part of it. */
const PART_OF_WAIT = 1 / 20;

/**
 * Resolves once the network is closed, as far as a pod can tell. No pod of ours may reach the API server; but one that is away refuses connections like a
 * policy that rejects them, and just then the network learns of no pod. So the cluster's resolvers are tried as well, which the policies close with
 * everything else: the network is closed when all of them and the API server have been out of reach for two seconds together, and open as long as one is in
 * reach. Only where an operator has said that resolvers are open, and where there is none to try, the API server alone decides: it has to be out of reach for
 * longer than it takes to start anew. What this does not see: API server and resolvers that are away together; resolvers that never answer by TCP; and, where
 * the API server alone decides, one that is away for longer.
 */
export async function untilClosed(network: PodNetwork, times: HoldTimes = usual): Promise<void> {
  const { apiServer, resolvers } = network;
  const beganAt = performance.now();
  const evidence = new ClosedEvidence(network, times);
  for (;;) {
    const askedAt = performance.now();
    const [isApiThere, ...areOthers] = await Promise.all([apiServer, ...resolvers].map(isReached));
    evidence.note(isApiThere === true, areOthers.includes(true), askedAt);
    const now = performance.now();
    if (evidence.isClosed(now)) return;
    const pauseMs = Math.max(SHORTEST_PAUSE_MS, (now - beganAt) * PART_OF_WAIT);
    await sleep(Math.min(LONGEST_PAUSE_MS, pauseMs));
  }
}

/** What has been seen, and whether it is enough. Times are milliseconds of one clock. */
export class ClosedEvidence {
  readonly #api = new Absence();
  readonly #all = new Absence();
  readonly #hasResolvers: boolean;
  readonly #doesApiDecide: boolean;
  readonly #times: HoldTimes;

  constructor({ resolvers, isDnsOpen }: Pick<PodNetwork, "resolvers" | "isDnsOpen">, times: HoldTimes) {
    this.#hasResolvers = resolvers.length > 0;
    this.#doesApiDecide = isDnsOpen || !this.#hasResolvers;
    this.#times = times;
  }

  note(isApiThere: boolean, isResolverThere: boolean, askedAt: number): void {
    this.#api.note(isApiThere, askedAt);
    this.#all.note(isApiThere || isResolverThere, askedAt);
  }

  isClosed(now: number): boolean {
    if (this.#hasResolvers && this.#all.lasted(now, this.#times.holdMs)) return true;
    return this.#doesApiDecide && this.#api.lasted(now, this.#times.outageMs);
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
