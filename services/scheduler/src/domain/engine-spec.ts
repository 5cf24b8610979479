import { createHash } from "node:crypto";
import type { Recipe } from "./recipes.ts";

/** Which columns of a row carry what. */
export type Columns =
  | {
      readonly format: "instruct";
      readonly instruction: string;
      readonly output: string;
      readonly input?: string;
      readonly system?: string;
    }
  | { readonly format: "chat"; readonly messages: string };

/** Folders and files below the agent's work folder; the engine runs inside it. */
export const workFolder = {
  model: "model",
  data: "data",
  artifact: "artifact",
  resume: "resume",
  output: "output",
  checkpoints: "checkpoints",
  trainFile: "data/train.jsonl",
  heldoutFile: "data/heldout.jsonl",
} as const;

export interface TrainSpecInput {
  readonly jobId: string;
  readonly recipe: Pick<Recipe, "method" | "settings">;
  readonly columns: Columns;
  readonly budgetSeconds: number;
  readonly maxLength: number;
  readonly threads: number;
  readonly checkpointSeconds: number;
  /** True when a checkpoint was staged into the resume folder. */
  readonly resumes: boolean;
}

/** What the Python engine reads for a training run. */
export function trainSpec(input: TrainSpecInput): object {
  const { format, ...columns } = input.columns;
  return {
    kind: "train",
    model_dir: workFolder.model,
    train_file: workFolder.trainFile,
    format,
    columns,
    method: input.recipe.method,
    settings: input.recipe.settings,
    seed: seedOf(input.jobId),
    budget_seconds: input.budgetSeconds,
    max_steps: null,
    threads: input.threads,
    max_length: input.maxLength,
    checkpoint_every_seconds: input.checkpointSeconds,
    checkpoint_dir: workFolder.checkpoints,
    resume_from: input.resumes ? workFolder.resume : null,
    output_dir: workFolder.output,
  };
}

export interface EvaluateSpecInput {
  readonly columns: Columns;
  readonly maxLength: number;
  readonly threads: number;
  readonly generateRows: number;
  readonly maxNewTokens: number;
  /** False for the bare base model. */
  readonly hasArtifact: boolean;
}

/** What the Python engine reads for an evaluation. */
export function evaluateSpec(input: EvaluateSpecInput): object {
  const { format, ...columns } = input.columns;
  return {
    kind: "evaluate",
    model_dir: workFolder.model,
    artifact_dir: input.hasArtifact ? workFolder.artifact : null,
    heldout_file: workFolder.heldoutFile,
    format,
    columns,
    max_length: input.maxLength,
    threads: input.threads,
    generate_rows: input.generateRows,
    max_new_tokens: input.maxNewTokens,
    output_dir: workFolder.output,
  };
}

/** All attempts of a job share one seed, so that recipes differ by nothing but themselves. 31 bits of SHA-256. */
function seedOf(jobId: string): number {
  return createHash("sha256").update(`seed:${jobId}`).digest().readUInt32BE(0) >>> 1;
}
