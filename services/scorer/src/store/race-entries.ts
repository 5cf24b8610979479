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
