import type { Database, Tx } from "@gradients/db";
import type { AttemptId, JobId } from "@gradients/kernel";
import { type Kysely, sql } from "kysely";
import type { Waiting } from "../domain/attempt.ts";
import type { AttemptState } from "../domain/attempt-machine.ts";
import type { Tables } from "./schema.ts";

/** What the control loop needs of an attempt that holds a pod, or is to: nothing of its work. */
export interface Placement {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly state: AttemptState;
  readonly epoch: number;
  readonly hardwareClass: string;
  readonly accountId: string;
  readonly waiting: Waiting | null;
  readonly leaseExpiresAt: Date | null;
}

const columns = [
  "attempt_id as attemptId",
  "job_id as jobId",
  "state",
  "epoch",
  "hardware_class as hardwareClass",
  "account_id as accountId",
  "waiting",
  "lease_expires_at as leaseExpiresAt",
] as const;

/** Placing or running. No lock. Index attempt_lease. */
export async function listPlacements(q: Kysely<Tables>): Promise<readonly Placement[]> {
  const rows = await q
    .selectFrom("attempt")
    .select(columns)
    .where("lease_expires_at", "is not", null)
    .execute();
  return rows.map(branded);
}

/** Those whose lease ran out by database time. No lock: whoever acts looks again. Index attempt_lease. */
export async function listExpiredPlacements({ q }: Database<Tables>): Promise<readonly Placement[]> {
  const rows = await q
    .selectFrom("attempt")
    .select(columns)
    .where("lease_expires_at", "<=", sql<Date>`now()`)
    .execute();
  return rows.map(branded);
}

/** After a time in which nobody could renew a lease: each holds for at least `seconds` from now. Index attempt_lease. */
export async function prolongLeases({ q }: Database<Tables>, seconds: number): Promise<void> {
  await q
    .updateTable("attempt")
    .set({ lease_expires_at: sql<Date>`now() + make_interval(secs => ${seconds})` })
    .where("lease_expires_at", "<", sql<Date>`now() + make_interval(secs => ${seconds})`)
    .execute();
}

/** Those are placing still, and held up by nothing of their own. By primary key. */
export async function holdPlacements(
  { q }: Database<Tables>,
  attemptIds: readonly AttemptId[],
  seconds: number,
): Promise<void> {
  if (attemptIds.length === 0) return;
  await q
    .updateTable("attempt")
    .set({ lease_expires_at: sql<Date>`now() + make_interval(secs => ${seconds})` })
    .where("attempt_id", "in", [...attemptIds])
    .where("state", "=", "placing")
    .execute();
}

/** Needs the row's lock. By primary key. */
export async function saveWaiting(tx: Tx<Tables>, attemptId: AttemptId, waiting: Waiting): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ waiting: JSON.stringify(waiting) })
    .where("attempt_id", "=", attemptId)
    .execute();
}

type Row = Omit<Placement, "attemptId" | "jobId"> & { readonly attemptId: string; readonly jobId: string };

function branded(row: Row): Placement {
  return { ...row, attemptId: row.attemptId as AttemptId, jobId: row.jobId as JobId };
}
