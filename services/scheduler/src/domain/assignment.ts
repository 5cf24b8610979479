import type { StoredFile, StoredObject } from "@gradients/contracts/stored-object";
import type { Attempt } from "./attempt.ts";
import { evaluateSpec, trainSpec, workFolder } from "./engine-spec.ts";
import type { Job } from "./job.ts";

/** What a pod does: files to stage below its work folder, and what the engine is told. */
export interface Assignment {
  readonly inputs: readonly AssignedInput[];
  readonly engineSpec: object;
}

export interface AssignedInput {
  readonly path: string;
  readonly object: StoredObject;
  /** True for base models, which many attempts on one node share. */
  readonly cacheable: boolean;
}

export interface MachineShape {
  readonly threads: number;
  readonly checkpointSeconds: number;
}

/** The work of an attempt whose job has its order and its split. */
export function assignmentOf(attempt: Attempt, job: Job, machine: MachineShape): Assignment {
  return attempt.work.kind === "train"
    ? trainingOf(attempt, attempt.work.recipe, job, machine)
    : evaluationOf(attempt.work.evaluation, machine);
}

type Recipe = Extract<Attempt["work"], { kind: "train" }>["recipe"];
type Evaluation = Extract<Attempt["work"], { kind: "evaluate" }>["evaluation"];

function trainingOf(attempt: Attempt, recipe: Recipe, job: Job, machine: MachineShape): Assignment {
  const { order, train } = job;
  if (!order || !train) throw new Error(`Job ${job.jobId} has an attempt but no order or split`);
  const checkpoint = attempt.core.checkpoint?.files ?? [];
  return {
    inputs: [
      ...filesIn(workFolder.model, order.baseModel, true),
      { path: workFolder.trainFile, object: train, cacheable: false },
      ...filesIn(workFolder.resume, checkpoint, false),
    ],
    engineSpec: trainSpec({ ...order, ...machine, jobId: job.jobId, recipe, resumes: checkpoint.length > 0 }),
  };
}

function evaluationOf(evaluation: Evaluation, machine: MachineShape): Assignment {
  return {
    inputs: [
      ...filesIn(workFolder.model, evaluation.baseModel, true),
      ...filesIn(workFolder.artifact, evaluation.artifact, false),
      { path: workFolder.heldoutFile, object: evaluation.heldout, cacheable: false },
    ],
    engineSpec: evaluateSpec({ ...evaluation, ...machine, hasArtifact: evaluation.artifact.length > 0 }),
  };
}

function filesIn(folder: string, files: readonly StoredFile[], cacheable: boolean): readonly AssignedInput[] {
  return files.map(({ name, object }) => ({ path: `${folder}/${name}`, object, cacheable }));
}
