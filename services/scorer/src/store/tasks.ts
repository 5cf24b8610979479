import type { Database, Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import { currentTraceparent } from "@gradients/runtime";
import { sql } from "kysely";
import type { Tables, TaskKind } from "./schema.ts";

/** A claimed piece of work. `epoch` fences it: once someone else has claimed it again, this claim can no longer finish it. */
export interface Task {
  readonly kind: TaskKind;
  readonly jobId: JobId;
  readonly epoch: number;
  /** Claims so far, this one included. */
  readonly tries: number;
  readonly traceparent: string | null;
}

/** The lease ran out and another claim was made: whatever this one did must be rolled back. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** One task per kind and job. Wakes the runner at commit. By primary key. */
export async function addTask(tx: Tx<Tables>, kind: TaskKind, jobId: JobId, dueAt: Date): Promise<void> {
  await tx
    .insertInto("task")
    .values({
      kind,
      job_id: jobId,
      due_at: dueAt,
      lease_expires_at: null,
      last_error: null,
      traceparent: currentTraceparent() ?? null,
    })
    .onConflict((conflict) => conflict.columns(["kind", "job_id"]).doNothing())
    .execute();
  tx.notifyAfterCommit(taskChannel);
}

/** The channel that addTask notifies. */
export const taskChannel = "task";

/** Claims due tasks of these kinds that nobody holds, the longest due first, skipping rows that others are claiming. Index task_due. */
export async function claimTasks(
  db: Database<Tables>,
  kinds: readonly TaskKind[],
  limit: number,
  leaseSeconds: number,
): Promise<readonly Task[]> {
  const rows = await db.q
    .updateTable("task")
    .set((eb) => ({
      epoch: eb("epoch", "+", 1),
      tries: eb("tries", "+", 1),
      lease_expires_at: sql<Date>`now() + make_interval(secs => ${leaseSeconds})`,
    }))
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple("kind", "job_id"),
        "in",
        selectFrom("task")
          .select(["kind", "job_id"])
          .where("kind", "in", kinds)
          .where("due_at", "<=", sql<Date>`now()`)
          .where((or) =>
            or.or([or("lease_expires_at", "is", null), or("lease_expires_at", "<", sql<Date>`now()`)]),
          )
          .orderBy("due_at")
          .limit(limit)
          .forUpdate()
          .skipLocked()
          .$asTuple("kind", "job_id"),
      ),
    )
    .returning(["kind", "job_id", "epoch", "tries", "traceparent"])
    .execute();
  return rows.map(({ job_id, ...same }) => ({ ...same, jobId: job_id as JobId }));
}

/** False once the claim is lost. By primary key. */
export async function extendLease(
  db: Database<Tables>,
  { kind, jobId, epoch }: Task,
  leaseSeconds: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db.q
    .updateTable("task")
    .set({ lease_expires_at: sql<Date>`now() + make_interval(secs => ${leaseSeconds})` })
    .where("kind", "=", kind)
    .where("job_id", "=", jobId)
    .where("epoch", "=", epoch)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Part of the transaction that holds the task's effects; throws LeaseLost, which rolls them back. By primary key. */
export async function finishTask(tx: Tx<Tables>, { kind, jobId, epoch }: Task): Promise<void> {
  const { numDeletedRows } = await tx
    .deleteFrom("task")
    .where("kind", "=", kind)
    .where("job_id", "=", jobId)
    .where("epoch", "=", epoch)
    .executeTakeFirst();
  if (numDeletedRows === 0n) throw new LeaseLost(`The ${kind} task of job ${jobId} is no longer ours`);
}

/** Gives the task back, to be claimed again after a pause; a try that was stopped does not count. By primary key. */
export async function postponeTask(
  db: Database<Tables>,
  { kind, jobId, epoch }: Task,
  { seconds, error, counts }: { readonly seconds: number; readonly error: string; readonly counts: boolean },
): Promise<void> {
  await db.q
    .updateTable("task")
    .set((eb) => ({
      lease_expires_at: null,
      last_error: error,
      due_at: sql<Date>`now() + make_interval(secs => ${seconds})`,
      tries: eb("tries", "-", counts ? 0 : 1),
    }))
    .where("kind", "=", kind)
    .where("job_id", "=", jobId)
    .where("epoch", "=", epoch)
    .execute();
}

/** All tasks of a job that is over: work in progress loses its claim. By primary key. */
export async function dropTasks(tx: Tx<Tables>, jobId: JobId): Promise<void> {
  await tx.deleteFrom("task").where("job_id", "=", jobId).execute();
}
