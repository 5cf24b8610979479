import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { Kysely, Selectable } from "kysely";
import type { Job } from "../domain/job.ts";
import type { Tables } from "./schema.ts";

const columns = ["job_id", "state", "details", "train", "accepted_at", "deadline"] as const;

/** Makes the row exist and locks it: events about one job take their turn. By primary key. */
export async function lockJob(tx: Tx<Tables>, jobId: JobId): Promise<Job> {
  await tx
    .insertInto("job")
    .values({
      job_id: jobId,
      state: "waiting",
      details: null,
      train: null,
      accepted_at: null,
      deadline: null,
    })
    .onConflict((conflict) => conflict.column("job_id").doNothing())
    .execute();
  const row = await tx
    .selectFrom("job")
    .select(columns)
    .where("job_id", "=", jobId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  return toJob(row);
}

/** No lock. By primary key. */
export async function findJob(q: Kysely<Tables>, jobId: JobId): Promise<Job | undefined> {
  const row = await q.selectFrom("job").select(columns).where("job_id", "=", jobId).executeTakeFirst();
  return row && toJob(row);
}

/** The caller holds the row's lock. By primary key. */
export async function saveJob(tx: Tx<Tables>, { jobId, state, order, train }: Job): Promise<void> {
  const { acceptedAt = null, deadline = null, ...details } = order ?? {};
  await tx
    .updateTable("job")
    .set({
      state,
      details: order ? JSON.stringify(details) : null,
      train: train ? JSON.stringify(train) : null,
      accepted_at: acceptedAt,
      deadline,
    })
    .where("job_id", "=", jobId)
    .execute();
}

type Row = Pick<Selectable<Tables["job"]>, (typeof columns)[number]>;

function toJob(row: Row): Job {
  const { details, accepted_at: acceptedAt, deadline } = row;
  const order = details && acceptedAt ? { ...details, acceptedAt, deadline } : null;
  return { jobId: row.job_id as JobId, state: row.state, order, train: row.train };
}
