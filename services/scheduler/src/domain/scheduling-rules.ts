/** The times and limits that decisions about attempts depend on. */
export interface SchedulingRules {
  /** A running attempt whose agent is silent for that long is lost. */
  readonly leaseSeconds: number;
  /** From placing the pod to the agent's first call: scheduling, image pull, start-up. */
  readonly placingLeaseSeconds: number;
  /** How often an attempt is placed anew after a loss. */
  readonly maxRetries: number;
  /** Pause before the first, second, ... retry; the last one holds for the rest. */
  readonly retryDelaysSeconds: readonly number[];
  /** From the assignment to the first training step: staging and loading. */
  readonly startupSeconds: number;
  /** From the end of the budget to the finished upload. */
  readonly finishSeconds: number;
  /** For a whole evaluation, staging included. */
  readonly evaluationSeconds: number;
}
