import type { AttemptId, EvaluationId, JobId } from "@gradients/kernel";
import { type CurveState, emptyCurve } from "../domain/thin-progress.ts";
import type { GatewayTx } from "./database.ts";

export type CurveId = AttemptId | EvaluationId;

/** A curve that has no row yet is empty. Needs the job's lock; by primary key. */
export async function loadCurve(tx: GatewayTx, jobId: JobId, curveId: CurveId): Promise<CurveState> {
  const row = await tx
    .selectFrom("curve")
    .select(["epoch", "phase", "sent_at", "last_step", "last_kept", "kept_points"])
    .where("job_id", "=", jobId)
    .where("curve_id", "=", curveId)
    .executeTakeFirst();
  if (!row) return emptyCurve;
  return {
    epoch: row.epoch,
    phase: row.phase,
    sentAt: row.sent_at.getTime(),
    lastStep: row.last_step,
    lastKept: row.last_kept,
    keptPoints: row.kept_points,
  };
}

/** Needs the job's lock. */
export async function saveCurve(
  tx: GatewayTx,
  jobId: JobId,
  curveId: CurveId,
  state: CurveState,
): Promise<void> {
  const values = {
    epoch: state.epoch,
    phase: state.phase,
    sent_at: new Date(state.sentAt),
    last_step: state.lastStep,
    last_kept: state.lastKept,
    kept_points: state.keptPoints,
  };
  await tx
    .insertInto("curve")
    .values({ job_id: jobId, curve_id: curveId, ...values })
    .onConflict((conflict) => conflict.columns(["job_id", "curve_id"]).doUpdateSet(values))
    .execute();
}
