import type { Tx } from "@gradients/db";
import type { EvaluationId, JobId } from "@gradients/kernel";
import type { DecisionDeps } from "../deps.ts";
import type { EvaluationResult } from "../domain/evaluation.ts";
import { jobAfter } from "../domain/job-machine.ts";
import { countOpenEvaluations, saveEvaluationResult } from "../store/evaluations.ts";
import { lockJob, saveJobState } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { addTask } from "../store/tasks.ts";

/** Keeps the result of one evaluation; the last one makes the verdict due. A result for a job that is over, or a second one, changes nothing. */
export async function completeEvaluation(
  tx: Tx<Tables>,
  { observe }: DecisionDeps,
  {
    jobId,
    evaluationId,
    result,
  }: { readonly jobId: JobId; readonly evaluationId: EvaluationId; readonly result: EvaluationResult },
): Promise<void> {
  const job = await lockJob(tx, jobId);
  const next = job && jobAfter(job.state, "evaluations_in");
  if (!next || !(await saveEvaluationResult(tx, jobId, evaluationId, result))) return;
  const open = await countOpenEvaluations(tx, jobId);
  observe.evaluationIn(jobId, evaluationId, result.kind, open);
  if (open > 0) return;
  await saveJobState(tx, jobId, next);
  await addTask(tx, "judge", jobId, tx.now);
}
