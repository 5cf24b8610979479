import { currentTraceparent } from "@gradients/runtime";
import type { JobAwards } from "../domain/award-points.ts";
import type { HotkeyPoints } from "../domain/weights.ts";
import type { BridgeDatabase, BridgeTx } from "./schema.ts";

export interface PointsRow {
  readonly jobId: string;
  readonly hotkey: string;
  readonly attemptId: string;
  readonly microPoints: bigint;
}

export interface PointsWindow {
  readonly points: readonly HotkeyPoints[];
  readonly unallocatedMicroPoints: bigint;
  /** Oldest first. */
  readonly jobs: readonly ScoredJobTrace[];
}

export interface ScoredJobTrace {
  readonly jobId: string;
  /** W3C trace context in which its points were awarded. */
  readonly traceparent: string | null;
}

/** False when the job has its points already. */
export async function insertScoredJob(
  tx: BridgeTx,
  jobId: string,
  scoredAt: Date,
  { awards, unallocatedMicroPoints }: JobAwards,
): Promise<boolean> {
  const job = {
    job_id: jobId,
    scored_at: scoredAt,
    unallocated_micro_points: unallocatedMicroPoints,
    traceparent: currentTraceparent() ?? null,
  };
  const inserted = await tx
    .insertInto("scored_job")
    .values(job)
    .onConflict((conflict) => conflict.doNothing())
    .returning("job_id")
    .executeTakeFirst();
  if (!inserted) return false;
  const rows = awards.map(({ hotkey, attemptId, microPoints }) => ({
    job_id: jobId,
    hotkey,
    attempt_id: attemptId,
    micro_points: microPoints,
  }));
  if (rows.length > 0) await tx.insertInto("points").values(rows).execute();
  return true;
}

/** Points of the jobs scored in (start, end]. Index scored_job_scored_at. */
export async function sumPoints({ q }: BridgeDatabase, start: Date, end: Date): Promise<PointsWindow> {
  const jobs = await q
    .selectFrom("scored_job")
    .select(["job_id", "unallocated_micro_points", "traceparent"])
    .where("scored_at", ">", start)
    .where("scored_at", "<=", end)
    .orderBy("scored_at")
    .orderBy("job_id")
    .execute();
  const jobIds = jobs.map(({ job_id }) => job_id);
  return {
    points: jobIds.length > 0 ? await sumByHotkey(q, jobIds) : [],
    unallocatedMicroPoints: jobs.reduce((total, job) => total + job.unallocated_micro_points, 0n),
    jobs: jobs.map(({ job_id, traceparent }) => ({ jobId: job_id, traceparent })),
  };
}

/** By hotkey. Primary key of points. */
async function sumByHotkey(q: BridgeDatabase["q"], jobIds: readonly string[]): Promise<HotkeyPoints[]> {
  const rows = await q
    .selectFrom("points")
    .select(({ fn }) => ["hotkey", fn.sum<string>("micro_points").as("micro_points")])
    .where("job_id", "in", jobIds)
    .groupBy("hotkey")
    .orderBy("hotkey")
    .execute();
  return rows.map(({ hotkey, micro_points }) => ({ hotkey, microPoints: BigInt(micro_points) }));
}

/** Most points first. Primary key of points. */
export async function listPoints({ q }: BridgeDatabase, jobId: string): Promise<PointsRow[]> {
  const rows = await q
    .selectFrom("points")
    .select(["job_id", "hotkey", "attempt_id", "micro_points"])
    .where("job_id", "=", jobId)
    .orderBy("micro_points", "desc")
    .orderBy("hotkey")
    .execute();
  return rows.map((row) => ({
    jobId: row.job_id,
    hotkey: row.hotkey,
    attemptId: row.attempt_id,
    microPoints: row.micro_points,
  }));
}
