import type { Deps } from "../deps.ts";
import { awardPoints, type RankedEntry } from "../domain/award-points.ts";
import { insertScoredJob } from "../store/points.ts";
import type { BridgeTx } from "../store/schema.ts";

export interface ScoredJob {
  readonly jobId: string;
  readonly scoredAt: Date;
  readonly ranking: readonly RankedEntry[];
}

/** Turns a verdict into points, once for each job, and wakes the weights. */
export async function awardJob(
  { observe }: Deps,
  tx: BridgeTx,
  { jobId, scoredAt, ranking }: ScoredJob,
): Promise<void> {
  const awards = awardPoints(ranking);
  if (!(await insertScoredJob(tx, jobId, scoredAt, awards))) return;
  tx.notifyAfterCommit(pointsChannel);
  observe.pointsAwarded(jobId, awards.awards.length);
}

/** The channel that is notified when points were awarded. */
export const pointsChannel = "points";
