import type { Database, Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { Selectable } from "kysely";
import type { Job } from "../domain/job.ts";
import type { JobState } from "../domain/job-machine.ts";
import type { Reason } from "../domain/reason.ts";
import type { Tables } from "./schema.ts";

const columns = ["job_id", "state", "details", "salt", "deadline"] as const;

/** False when the job is known already. By primary key. */
export async function insertJob(
  tx: Tx<Tables>,
  { jobId, state, order, salt, deadline }: Job,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto("job")
    .values({ job_id: jobId, state, details: JSON.stringify(order), salt, deadline, failure: null })
    .onConflict((conflict) => conflict.column("job_id").doNothing())
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Locks the row: whatever changes a job's state does so one after the other. By primary key. */
export async function lockJob(tx: Tx<Tables>, jobId: JobId): Promise<Job | undefined> {
  const row = await tx
    .selectFrom("job")
    .select(columns)
    .where("job_id", "=", jobId)
    .forUpdate()
    .executeTakeFirst();
  return row && toJob(row);
}

/** No lock. By primary key. */
export async function findJob(db: Database<Tables>, jobId: JobId): Promise<Job | undefined> {
  const row = await db.q.selectFrom("job").select(columns).where("job_id", "=", jobId).executeTakeFirst();
  return row && toJob(row);
}

/** The caller holds the row's lock. By primary key. */
export async function saveJobState(
  tx: Tx<Tables>,
  jobId: JobId,
  state: JobState,
  failure: Reason | null = null,
): Promise<void> {
  await tx
    .updateTable("job")
    .set({ state, failure: failure && JSON.stringify(failure) })
    .where("job_id", "=", jobId)
    .execute();
}

type Row = Pick<Selectable<Tables["job"]>, (typeof columns)[number]>;

function toJob({ job_id, state, details, salt, deadline }: Row): Job {
  return { jobId: job_id as JobId, state, order: details, salt, deadline };
}
