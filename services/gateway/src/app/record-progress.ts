import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ProgressItem } from "@gradients/bus";
import { type AttemptProgress, AttemptProgressSchema } from "@gradients/contracts/event";
import { type AttemptId, failpoint, type JobId } from "@gradients/kernel";
import { isEnded, type Job } from "../domain/job.ts";
import { evaluationScale, type ThinnedBatch, thinProgress, trainingScale } from "../domain/thin-progress.ts";
import { setAttemptProgress } from "../store/attempts.ts";
import { type CurveId, loadCurve, saveCurve } from "../store/curves.ts";
import type { GatewayDatabase, GatewayTx } from "../store/database.ts";
import { appendJobEvents, type JobEventBody } from "../store/job-events.ts";
import { lockJob, setEventOffset } from "../store/jobs.ts";

/** Adds a batch of live figures to the logs of their jobs, thinned; one transaction for each job. May be called again with the same batch. */
export const recordProgress =
  (deps: { readonly db: GatewayDatabase }) =>
  async (batch: readonly ProgressItem[]): Promise<void> => {
    const byJob = Map.groupBy(batch, ({ progress }) => progress.jobId);
    for (const [jobId, items] of byJob) {
      await deps.db.tx((tx) => recordJobProgress(tx, jobId as JobId, items));
      failpoint("gateway.progress-of-job-stored");
    }
  };

async function recordJobProgress(tx: GatewayTx, jobId: JobId, items: readonly ProgressItem[]): Promise<void> {
  const view = await lockJob(tx, jobId);
  if (!view || isEnded(view.job.state)) return;
  const events: JobEventBody[] = [];
  for (const [curveId, ofCurve] of Map.groupBy(items, curveOf))
    events.push(...(await recordCurve(tx, view.job, curveId, ofCurve)));
  if (events.length === 0) return;
  await setEventOffset(tx, jobId, await appendJobEvents(tx, jobId, view.job.eventOffset, events));
}

function curveOf({ progress }: ProgressItem): CurveId {
  return (progress.evaluationId || progress.attemptId) as CurveId;
}

async function recordCurve(
  tx: GatewayTx,
  job: Job,
  curveId: CurveId,
  items: readonly ProgressItem[],
): Promise<readonly JobEventBody[]> {
  let state = await loadCurve(tx, job.jobId, curveId);
  const thinned = items.map(({ progress, time }) => {
    const result = thinProgress(state, toBatch(progress, time), scaleOf(job, progress));
    state = result.state;
    return { progress, result };
  });
  await saveCurve(tx, job.jobId, curveId, state);
  const newest = thinned.findLast(({ result }) => result.latest)?.result.latest;
  if (curveId === items[0]?.progress.attemptId)
    await setAttemptProgress(tx, curveId as AttemptId, state.phase, newest);
  return thinned
    .filter(({ result }) => result.isNews)
    .map(({ progress, result }) => toEvent(progress, result));
}

function toBatch({ epoch, phase, points, sentAt }: AttemptProgress, arrivedAt: Date) {
  return { epoch, phase, points, sentAt: (sentAt ? timestampDate(sentAt) : arrivedAt).getTime() };
}

function scaleOf(job: Job, { evaluationId, points }: AttemptProgress) {
  return evaluationId
    ? evaluationScale(points.at(-1)?.totalSteps ?? 0n)
    : trainingScale(job.spec.budgetSeconds);
}

function toEvent(progress: AttemptProgress, { kept }: ThinnedBatch): JobEventBody {
  return { case: "progress", value: create(AttemptProgressSchema, { ...progress, points: [...kept] }) };
}
