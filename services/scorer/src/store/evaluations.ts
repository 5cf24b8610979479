import type { Database, Tx } from "@gradients/db";
import type { EvaluationId, JobId } from "@gradients/kernel";
import type { Selectable } from "kysely";
import type { Evaluation, EvaluationResult } from "../domain/evaluation.ts";
import type { Tables } from "./schema.ts";

const columns = ["evaluation_id", "attempt_id", "position", "result"] as const;

export async function insertEvaluations(
  tx: Tx<Tables>,
  jobId: JobId,
  evaluations: readonly Evaluation[],
): Promise<void> {
  const rows = evaluations.map(({ evaluationId, attemptId, position, result }) => ({
    evaluation_id: evaluationId,
    job_id: jobId,
    attempt_id: attemptId,
    position,
    result: result && JSON.stringify(result),
  }));
  await tx.insertInto("evaluation").values(rows).execute();
}

/** Keeps the first result; false for a second one or an unknown evaluation. The caller holds the job's lock. By primary key. */
export async function saveEvaluationResult(
  tx: Tx<Tables>,
  jobId: JobId,
  evaluationId: EvaluationId,
  result: EvaluationResult,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("evaluation")
    .set({ result: JSON.stringify(result) })
    .where("evaluation_id", "=", evaluationId)
    .where("job_id", "=", jobId)
    .where("result", "is", null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** No lock. Index evaluation_job. */
export async function countOpenEvaluations(tx: Tx<Tables>, jobId: JobId): Promise<number> {
  const row = await tx
    .selectFrom("evaluation")
    .select((eb) => eb.fn.countAll<bigint>().as("open"))
    .where("job_id", "=", jobId)
    .where("result", "is", null)
    .executeTakeFirstOrThrow();
  return Number(row.open);
}

/** In the order in which they were asked for. No lock. Index evaluation_job. */
export async function listEvaluations(db: Database<Tables>, jobId: JobId): Promise<readonly Evaluation[]> {
  const rows = await db.q
    .selectFrom("evaluation")
    .select(columns)
    .where("job_id", "=", jobId)
    .orderBy("position")
    .execute();
  return rows.map(toEvaluation);
}

type Row = Pick<Selectable<Tables["evaluation"]>, (typeof columns)[number]>;

function toEvaluation({ evaluation_id, attempt_id, position, result }: Row): Evaluation {
  return { evaluationId: evaluation_id as EvaluationId, attemptId: attempt_id, position, result };
}
