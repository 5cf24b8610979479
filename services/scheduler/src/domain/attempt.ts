import type { StoredFile, StoredObject } from "@gradients/contracts/stored-object";
import type { AttemptId, JobId } from "@gradients/kernel";
import type { AttemptCore } from "./attempt-machine.ts";
import type { Columns } from "./engine-spec.ts";
import type { PendingReason } from "./pod-facts.ts";
import type { Recipe } from "./recipes.ts";
import type { SchedulingRules } from "./scheduling-rules.ts";

/** One recipe's try at one job, or one trusted evaluation (its attempt id is the evaluation's id). */
export interface Attempt {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly hardwareClass: string;
  /** Whose job it is; empty when that was not known yet. */
  readonly accountId: string;
  /** Its place in the queue: when the job was accepted. */
  readonly queuedSince: Date;
  readonly createdAt: Date;
  /** The job's trace, for pods and for what happens without a caller. */
  readonly traceparent: string | null;
  readonly work: Work;
  readonly result: AttemptResult | null;
  readonly core: AttemptCore;
  /** What keeps its pod from running, while it is placing. */
  readonly waiting: Waiting | null;
}

export interface Waiting {
  readonly reason: PendingReason;
  readonly message: string;
}

export type Work =
  | { readonly kind: "train"; readonly recipe: Recipe }
  | { readonly kind: "evaluate"; readonly evaluation: Evaluation };

export interface Evaluation {
  readonly baseModel: readonly StoredFile[];
  /** Empty for the bare base model. */
  readonly artifact: readonly StoredFile[];
  readonly heldout: StoredObject;
  readonly columns: Columns;
  readonly maxLength: number;
  readonly generateRows: number;
  readonly maxNewTokens: number;
}

export type AttemptResult =
  | { readonly kind: "trained"; readonly artifact: readonly StoredFile[]; readonly stats: TrainingStats }
  | {
      readonly kind: "evaluated";
      readonly scores: StoredObject;
      readonly checks: ArtifactChecks;
      readonly engineVersion: string;
      readonly device: string;
    };

export interface TrainingStats {
  readonly steps: number;
  readonly examples: number;
  readonly tokens: number;
  readonly trainSeconds: number;
  readonly finalLoss: number;
  readonly trainableParameters: number;
  readonly peakMemoryBytes: number;
  /** Absent from results that were stored before it was counted. */
  readonly rowsLeftOut?: number;
  readonly engineVersion: string;
  readonly device: string;
}

export interface ArtifactChecks {
  readonly loads: boolean;
  readonly finite: boolean;
  readonly changed: boolean;
  readonly safetensorsOnly: boolean;
  readonly updateNorm: number;
  readonly weightsSha256: string;
}

/**
 * Seconds from the assignment to the moment by which the attempt must be over. Training itself is bounded by the budget, of which an earlier
 * placement's checkpoint has used up a part.
 */
export function allowedSeconds(attempt: Attempt, budgetSeconds: number, rules: SchedulingRules): number {
  if (attempt.work.kind === "evaluate") return rules.evaluationSeconds;
  const spent = attempt.core.checkpoint?.trainSeconds ?? 0;
  return rules.startupSeconds + Math.max(0, budgetSeconds - spent) + rules.finishSeconds;
}
