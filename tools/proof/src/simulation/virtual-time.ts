import { isPlaced, newAttemptCore } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { fromCore, type Timing } from "../model/timing.ts";
import type { Attempt } from "../model/world.ts";

/** The product's times in a world whose clock stands still between two events. */
export class VirtualTime implements Timing {
  now = new Date(0);
  readonly hasClock = true;
  readonly rules = {
    leaseSeconds: 15,
    placingLeaseSeconds: 60,
    maxRetries: 3,
    retryDelaysSeconds: [0, 5, 30],
    startupSeconds: 20,
    finishSeconds: 20,
    evaluationSeconds: 120,
  };

  coreOf(attempt: Attempt) {
    return (attempt.core ??= newAttemptCore(this.now));
  }

  keep(attempt: Attempt, core: NonNullable<Attempt["core"]>): void {
    Object.assign(attempt, fromCore(core, this.now), { core });
  }

  /** A lease is over by the clock alone. */
  look(attempt: Attempt): void {
    const { leaseExpiresAt } = this.coreOf(attempt);
    if (isPlaced(attempt.state) && leaseExpiresAt !== null && leaseExpiresAt <= this.now)
      attempt.lease = "over";
  }

  later(seconds: number): Date {
    return new Date(this.now.getTime() + seconds * 1000);
  }
}
