import type { Database, Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { RaceEntry } from "../domain/job.ts";
import type { Tables } from "./schema.ts";

export async function insertRaceEntries(
  tx: Tx<Tables>,
  jobId: JobId,
  entries: readonly RaceEntry[],
): Promise<void> {
  const rows = entries.map((entry) => ({
    job_id: jobId,
    attempt_id: entry.attemptId,
    details: JSON.stringify(entry),
  }));
  await tx.insertInto("race_entry").values(rows).execute();
}

/** No lock: entries never change. Primary key, first column. */
export async function listRaceEntries(db: Database<Tables>, jobId: JobId): Promise<readonly RaceEntry[]> {
  const rows = await db.q
    .selectFrom("race_entry")
    .select("details")
    .where("job_id", "=", jobId)
    .orderBy("attempt_id")
    .execute();
  return rows.map(({ details }) => details);
}

/** The first report stays. By primary key. */
export async function noteAttemptFinish(
  tx: Tx<Tables>,
  jobId: JobId,
  attemptId: string,
  finishedAt: Date,
): Promise<void> {
  await tx
    .insertInto("attempt_finish")
    .values({ job_id: jobId, attempt_id: attemptId, finished_at: finishedAt })
    .onConflict((conflict) => conflict.column("attempt_id").doNothing())
    .execute();
}

/** When each attempt finished. Index attempt_finish_job. */
export async function listAttemptFinishes(
  db: Database<Tables>,
  jobId: JobId,
): Promise<ReadonlyMap<string, Date>> {
  const rows = await db.q
    .selectFrom("attempt_finish")
    .select(["attempt_id", "finished_at"])
    .where("job_id", "=", jobId)
    .execute();
  return new Map(rows.map((row) => [row.attempt_id, row.finished_at]));
}
