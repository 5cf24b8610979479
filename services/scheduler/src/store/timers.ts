import type { Database, Tx } from "@gradients/db";
import { sql } from "kysely";
import type { Tables, TimerKind } from "./schema.ts";

export interface Timer {
  readonly kind: TimerKind;
  readonly subjectId: string;
  readonly jobId: string;
  readonly dueAt: Date;
}

/** One timer per kind and subject; setting it again moves it. By primary key. */
export async function setTimer(tx: Tx<Tables>, { kind, subjectId, jobId, dueAt }: Timer): Promise<void> {
  await tx
    .insertInto("timer")
    .values({ kind, subject_id: subjectId, job_id: jobId, due_at: dueAt })
    .onConflict((conflict) => conflict.columns(["kind", "subject_id"]).doUpdateSet({ due_at: dueAt }))
    .execute();
}

/** By primary key. */
export async function clearTimer(tx: Tx<Tables>, kind: TimerKind, subjectId: string): Promise<void> {
  await tx.deleteFrom("timer").where("kind", "=", kind).where("subject_id", "=", subjectId).execute();
}

/** No lock. By primary key. */
export async function findTimer(
  tx: Tx<Tables>,
  kind: TimerKind,
  subjectId: string,
): Promise<Date | undefined> {
  const row = await tx
    .selectFrom("timer")
    .select("due_at")
    .where("kind", "=", kind)
    .where("subject_id", "=", subjectId)
    .executeTakeFirst();
  return row?.due_at;
}

/** Due by database time, the oldest first. No lock: `claimTimer` decides. Index timer_due. */
export async function listDueTimers(db: Database<Tables>, limit: number): Promise<readonly Timer[]> {
  const rows = await db.q
    .selectFrom("timer")
    .select(["kind", "subject_id", "job_id", "due_at"])
    .where("due_at", "<=", sql<Date>`now()`)
    .orderBy("due_at")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    kind: row.kind,
    subjectId: row.subject_id,
    jobId: row.job_id,
    dueAt: row.due_at,
  }));
}

/** True for the one who may act on it. Taken together with the effect, so a crash in between fires it again. By primary key. */
export async function claimTimer(tx: Tx<Tables>, { kind, subjectId }: Timer): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom("timer")
    .where("kind", "=", kind)
    .where("subject_id", "=", subjectId)
    .where("due_at", "<=", tx.now)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
