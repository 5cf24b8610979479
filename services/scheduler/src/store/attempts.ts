import type { Tx } from "@gradients/db";
import type { AttemptId, JobId } from "@gradients/kernel";
import { type Kysely, type Selectable, sql } from "kysely";
import type { Attempt, AttemptResult } from "../domain/attempt.ts";
import type { AttemptCore } from "../domain/attempt-machine.ts";
import { anyOf } from "./any-of.ts";
import type { Tables } from "./schema.ts";

const columns = [
  "attempt_id",
  "job_id",
  "state",
  "epoch",
  "losses",
  "lost_epochs",
  "hardware_class",
  "account_id",
  "waiting",
  "queued_since",
  "not_before",
  "lease_expires_at",
  "work",
  "checkpoint",
  "result",
  "failure",
  "traceparent",
  "created_at",
  "started_at",
  "finished_at",
] as const;

/** An attempt of that id that exists already is left as it is. */
export async function insertAttempts(tx: Tx<Tables>, attempts: readonly Attempt[]): Promise<void> {
  if (attempts.length === 0) return;
  await tx
    .insertInto("attempt")
    .values(
      attempts.map((attempt) => ({
        attempt_id: attempt.attemptId,
        job_id: attempt.jobId,
        kind: attempt.work.kind,
        hardware_class: attempt.hardwareClass,
        account_id: attempt.accountId,
        queued_since: attempt.queuedSince,
        work: JSON.stringify(attempt.work),
        result: toJson(attempt.result),
        traceparent: attempt.traceparent,
        created_at: attempt.createdAt,
        ...toCoreColumns(attempt.core),
      })),
    )
    .onConflict((conflict) => conflict.column("attempt_id").doNothing())
    .execute();
}

/** Locks the row; whoever also needs the job's lock takes that first. By primary key. */
export async function lockAttempt(tx: Tx<Tables>, attemptId: AttemptId): Promise<Attempt | undefined> {
  const row = await tx
    .selectFrom("attempt")
    .select(columns)
    .where("attempt_id", "=", attemptId)
    .forUpdate()
    .executeTakeFirst();
  return row && toAttempt(row);
}

/** Locks the rows, in the order of their ids. The caller holds their jobs' locks. By primary key. */
export async function lockAttempts(
  tx: Tx<Tables>,
  attemptIds: readonly AttemptId[],
): Promise<readonly Attempt[]> {
  const rows = await tx
    .selectFrom("attempt")
    .select(columns)
    .where("attempt_id", "=", anyOf(attemptIds))
    .orderBy("attempt_id")
    .forUpdate()
    .execute();
  return rows.map(toAttempt);
}

/** No lock. By primary key. */
export async function findAttempt(q: Kysely<Tables>, attemptId: string): Promise<Attempt | undefined> {
  const row = await q
    .selectFrom("attempt")
    .select(columns)
    .where("attempt_id", "=", attemptId)
    .executeTakeFirst();
  return row && toAttempt(row);
}

/** In the order of their creation. No lock. Index attempt_job. */
export async function listAttemptsOfJob(q: Kysely<Tables>, jobId: string): Promise<readonly Attempt[]> {
  const rows = await q
    .selectFrom("attempt")
    .select(columns)
    .where("job_id", "=", jobId)
    .orderBy("created_at")
    .orderBy("attempt_id")
    .execute();
  return rows.map(toAttempt);
}

/** The state with its lease, checkpoint and result; what it waited for is over. The caller holds the row's lock. By primary key. */
export async function saveAttempt(
  tx: Tx<Tables>,
  attemptId: AttemptId,
  core: AttemptCore,
  result: AttemptResult | null,
): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ ...toCoreColumns(core), result: toJson(result), waiting: null })
    .where("attempt_id", "=", attemptId)
    .execute();
}

/** Nothing else changes, whatever state it is in. The caller holds the row's lock. By primary key. */
export async function saveLosses(
  tx: Tx<Tables>,
  attemptId: AttemptId,
  { losses, lostEpochs }: Pick<AttemptCore, "losses" | "lostEpochs">,
): Promise<void> {
  await tx
    .updateTable("attempt")
    .set({ losses, lost_epochs: [...lostEpochs] })
    .where("attempt_id", "=", attemptId)
    .execute();
}

/** For the gauges; few are open at a time. */
export async function countOpenAttempts(q: Kysely<Tables>): Promise<readonly OpenAttempts[]> {
  const { rows } = await sql<OpenAttempts>`
    select kind, state, count(*)::int as attempts, extract(epoch from now() - min(created_at))::float8 as "oldestSeconds"
    from attempt where state in ('queued', 'placing', 'running') group by kind, state`.execute(q);
  return rows;
}

interface OpenAttempts {
  readonly kind: string;
  readonly state: string;
  readonly attempts: number;
  readonly oldestSeconds: number;
}

function toCoreColumns(core: AttemptCore) {
  return {
    state: core.state,
    epoch: core.epoch,
    losses: core.losses,
    lost_epochs: [...core.lostEpochs],
    not_before: core.notBefore,
    lease_expires_at: core.leaseExpiresAt,
    checkpoint: toJson(core.checkpoint),
    failure: toJson(core.failure),
    started_at: core.startedAt,
    finished_at: core.finishedAt,
  };
}

function toJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

type Row = Pick<Selectable<Tables["attempt"]>, (typeof columns)[number]>;

function toAttempt(row: Row): Attempt {
  return {
    attemptId: row.attempt_id as AttemptId,
    jobId: row.job_id as JobId,
    hardwareClass: row.hardware_class,
    accountId: row.account_id,
    waiting: row.waiting,
    queuedSince: row.queued_since,
    createdAt: row.created_at,
    traceparent: row.traceparent,
    work: row.work,
    result: row.result,
    core: {
      state: row.state,
      epoch: row.epoch,
      losses: row.losses,
      lostEpochs: row.lost_epochs,
      notBefore: row.not_before,
      leaseExpiresAt: row.lease_expires_at,
      checkpoint: row.checkpoint,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
      failure: row.failure,
    },
  };
}
