import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import { type Kysely, type Selectable, sql } from "kysely";
import type { Job } from "../domain/job.ts";
import { anyOf } from "./any-of.ts";
import type { Tables } from "./schema.ts";

const columns = ["job_id", "state", "details", "train", "accepted_at", "deadline"] as const;

/** Makes the row exist and locks it: events about one job take their turn. One statement, as every event needs it. By primary key. */
export async function lockJob(tx: Tx<Tables>, jobId: JobId): Promise<Job> {
  const own = sql.join(columns.map((column) => sql.ref(column)));
  const { rows } = await sql<Row>`
    with
      made as (insert into job (job_id, state) values (${jobId}, 'waiting') on conflict do nothing returning ${own}),
      found as (select ${own} from job where job_id = ${jobId} for update)
    select * from made union all select * from found`.execute(tx);
  const [row] = rows;
  return row ? toJob(row) : lockJob(tx, jobId); // made by another since the statement began: the next one sees it
}

/** Locks those of them that nobody else has locked, and waits for none: so many can be held at a time. By primary key. */
export async function lockFreeJobs(tx: Tx<Tables>, jobIds: readonly JobId[]): Promise<readonly Job[]> {
  const rows = await tx
    .selectFrom("job")
    .select(columns)
    .where("job_id", "=", anyOf(jobIds))
    .forUpdate()
    .skipLocked()
    .execute();
  return rows.map(toJob);
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
