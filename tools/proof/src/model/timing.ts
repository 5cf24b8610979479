import { type AttemptCore, isFinal } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { failureOf } from "../../../../services/scheduler/src/domain/failures.ts";
import type { SchedulingRules } from "../../../../services/scheduler/src/domain/scheduling-rules.ts";
import type { Size } from "./size.ts";
import type { Attempt } from "./world.ts";

/** How time enters the product's decisions. */
export interface Timing {
  readonly now: Date;
  readonly rules: SchedulingRules;
  /** False where leases and deadlines end by steps of their own, at any moment. */
  readonly hasClock: boolean;
  /** An attempt as the product's machine knows it. */
  coreOf(attempt: Attempt): AttemptCore;
  /** What the world remembers of it. */
  keep(attempt: Attempt, core: AttemptCore): void;
}

/** Without a clock: a lease is held or over, whatever its length, and every pause has passed. */
export function timeless({ maxRetries }: Size): Timing {
  return {
    now: NOW,
    rules: { ...lengths, maxRetries },
    hasClock: false,
    coreOf: toCore,
    keep: (attempt, core) => void Object.assign(attempt, fromCore(core, NOW)),
  };
}

const EARLIER = new Date(0);
const NOW = new Date(1_000_000);
const LATER = new Date(2_000_000);

const lengths = {
  leaseSeconds: 10,
  placingLeaseSeconds: 60,
  retryDelaysSeconds: [0],
  startupSeconds: 60,
  finishSeconds: 60,
  evaluationSeconds: 600,
};

function toCore({ state, epoch, losses, lease }: Attempt): AttemptCore {
  const leaseExpiresAt = { none: null, held: LATER, over: EARLIER }[lease];
  const finishedAt = isFinal(state) ? EARLIER : null;
  const failure = state === "failed" ? failureOf("INTERNAL") : null;
  return {
    state,
    epoch,
    losses,
    lostEpochs: [],
    leaseExpiresAt,
    notBefore: EARLIER,
    checkpoint: null,
    startedAt: null,
    finishedAt,
    failure,
  };
}

/** The part of an attempt that does not say when. */
export function fromCore(
  { state, epoch, losses, leaseExpiresAt }: AttemptCore,
  now: Date,
): Omit<Attempt, "pods"> {
  const lease = leaseExpiresAt === null ? "none" : leaseExpiresAt > now ? "held" : "over";
  return { state, epoch, losses, lease };
}
