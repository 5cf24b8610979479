import type { Database, Tx } from "@gradients/db";
import type { AttemptId, JobId } from "@gradients/kernel";
import { type Kysely, sql } from "kysely";
import type { Attempt, Waiting } from "../domain/attempt.ts";
import type { AttemptState } from "../domain/attempt-machine.ts";
import { podName } from "../fleet/pod-name.ts";
import { anyOf } from "./any-of.ts";
import type { Tables } from "./schema.ts";

/** What the control loop needs of an attempt that holds a pod, or is to: nothing of its work. */
export interface Placement {
  /** Of the pod that it is to have. */
  readonly name: string;
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly state: AttemptState;
  readonly epoch: number;
  readonly hardwareClass: string;
  readonly accountId: string;
  readonly waiting: Waiting | null;
}

const columns = [
  "attempt_id as attemptId",
  "job_id as jobId",
  "state",
  "epoch",
  "hardware_class as hardwareClass",
  "account_id as accountId",
  "waiting",
] as const;

/** Placing or running. No lock. Index attempt_lease. */
export async function listPlacements(q: Kysely<Tables>): Promise<readonly Placement[]> {
  const rows = await q
    .selectFrom("attempt")
    .select(columns)
    .where("lease_expires_at", "is not", null)
    .execute();
  return rows.map(fromRow);
}

/** Those whose lease ran out by database time. No lock: whoever acts looks again. Index attempt_lease. */
export async function listExpiredPlacements({ q }: Database<Tables>): Promise<readonly Placement[]> {
  const rows = await q
    .selectFrom("attempt")
    .select(columns)
    .where("lease_expires_at", "<=", sql<Date>`now()`)
    .execute();
  return rows.map(fromRow);
}

/** After a time in which nobody could renew a lease: each holds for at least `seconds` from now. Index attempt_lease. */
export async function prolongLeases(tx: Tx<Tables>, seconds: number): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ lease_expires_at: sql<Date>`now() + make_interval(secs => ${seconds})` })
    .where("lease_expires_at", "<", sql<Date>`now() + make_interval(secs => ${seconds})`)
    .execute();
}

/** Those are placing still, and held up by nothing of their own. Written once in half the time, as it is asked for again and again. By primary key. */
export async function holdPlacements(
  tx: Tx<Tables>,
  attemptIds: readonly AttemptId[],
  seconds: number,
): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ lease_expires_at: sql<Date>`now() + make_interval(secs => ${seconds})` })
    .where("attempt_id", "=", anyOf(attemptIds))
    .where("state", "=", "placing")
    .where("lease_expires_at", "<", sql<Date>`now() + make_interval(secs => ${seconds / 2})`)
    .execute();
}

/** Those that are placed in one transaction, each decided to hold for as long. The caller holds the rows' locks. By primary key. */
export async function savePlaced(
  tx: Tx<Tables>,
  attemptIds: readonly AttemptId[],
  leaseExpiresAt: Date,
): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ state: "placing", lease_expires_at: leaseExpiresAt, waiting: null })
    .where("attempt_id", "=", anyOf(attemptIds))
    .execute();
}

export interface WaitingPlacement {
  readonly placement: Pick<Placement, "attemptId" | "epoch">;
  readonly waiting: Waiting;
}

/** Of those that are placing still. Locks the rows, in the order of their ids. By primary key. */
export async function saveAllWaiting(tx: Tx<Tables>, all: readonly WaitingPlacement[]): Promise<void> {
  const rows = all.map(({ placement: { attemptId, epoch }, waiting }) => ({ attemptId, epoch, waiting }));
  await sql`
    with held as (
      select attempt.attempt_id, said.waiting
      from attempt join jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as said ("attemptId" text, epoch int, waiting jsonb)
        on attempt.attempt_id = said."attemptId" and attempt.epoch = said.epoch
      where attempt.state = 'placing'
      order by attempt.attempt_id
      for update of attempt)
    update attempt set waiting = held.waiting from held where attempt.attempt_id = held.attempt_id`.execute(
    tx,
  );
}

/** Needs the row's lock. By primary key. */
export async function saveWaiting(tx: Tx<Tables>, attemptId: AttemptId, waiting: Waiting): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ waiting: JSON.stringify(waiting) })
    .where("attempt_id", "=", attemptId)
    .execute();
}

/** Of an attempt that was placed just now. */
export function toPlacement({ attemptId, jobId, hardwareClass, accountId, core }: Attempt): Placement {
  const { state, epoch } = core;
  const name = podName(attemptId, epoch);
  return { name, attemptId, jobId, state, epoch, hardwareClass, accountId, waiting: null };
}

type Row = Omit<Placement, "name" | "attemptId" | "jobId"> & {
  readonly attemptId: string;
  readonly jobId: string;
};

function fromRow(row: Row): Placement {
  return {
    name: podName(row.attemptId, row.epoch),
    attemptId: row.attemptId as AttemptId,
    jobId: row.jobId as JobId,
    state: row.state,
    epoch: row.epoch,
    hardwareClass: row.hardwareClass,
    accountId: row.accountId,
    waiting: row.waiting,
  };
}
