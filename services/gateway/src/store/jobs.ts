import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { JobScoredSchema } from "@gradients/contracts/event";
import { builtOnce } from "@gradients/db";
import type { AccountId, JobId } from "@gradients/kernel";
import { type Selectable, sql } from "kysely";
import type { Attempt, Job, JobView, Payment } from "../domain/job.ts";
import { attemptsOf, fromJson, insertOrUpdateAttempts, loadAttempts } from "./attempts.ts";
import type { GatewayQuery, GatewayTx } from "./database.ts";
import { decodeFailure, encodeFailure } from "./failure-bytes.ts";
import type { GatewayTables, PaymentJson } from "./schema.ts";

const columns = [
  "job_id",
  "project_id",
  "display_name",
  "model_id",
  "dataset_id",
  "contestants",
  "recipe_ids",
  "budget_seconds",
  "hardware_class",
  "max_length",
  "state",
  "train_rows",
  "heldout_rows",
  "heldout_commitment",
  "dropped_rows",
  "verdict",
  "failure",
  "created_at",
  "started_at",
  "ended_at",
  "event_offset",
  "payments",
] as const;

type JobRow = Pick<Selectable<GatewayTables["job"]>, (typeof columns)[number]>;

export async function insertJob(tx: GatewayTx, job: Job): Promise<void> {
  const { spec } = job;
  const row = {
    job_id: job.jobId,
    project_id: job.projectId,
    display_name: spec.displayName,
    model_id: spec.modelId,
    dataset_id: spec.datasetId,
    contestants: spec.contestants,
    recipe_ids: [...spec.recipeIds],
    budget_seconds: spec.budgetSeconds,
    hardware_class: spec.hardwareClass,
    max_length: spec.maxLength,
    created_at: job.createdAt,
    ...changeable({ job, attempts: [], payments: [] }),
  };
  await tx.insertInto("job").values(row).execute();
}

/** The job with its row locked: whoever changes a job or its event log holds this lock. By primary key. */
export async function lockJob(tx: GatewayTx, jobId: JobId): Promise<JobView | undefined> {
  const row = await tx
    .selectFrom("job")
    .select(columns)
    .where("job_id", "=", jobId)
    .forUpdate()
    .executeTakeFirst();
  return row && toView(row, await loadAttempts(tx, jobId));
}

/** By primary key, no lock. A job of another project counts as none. */
export async function findJob(
  q: GatewayQuery,
  projectId: AccountId,
  jobId: JobId,
): Promise<JobView | undefined> {
  const [row] = await ownJob(q, projectId, jobId);
  return row && toView(row, row.attempts.map(fromJson));
}

const ownJob = builtOnce((q: GatewayQuery, projectId: AccountId, jobId: JobId) =>
  q
    .selectFrom("job")
    .select(columns)
    .select(attemptsOf)
    .where("job_id", "=", jobId)
    .where("project_id", "=", projectId),
);

/** Newest first, by index job_by_project. */
export async function listJobs(
  q: GatewayQuery,
  projectId: AccountId,
  limit: number,
  after?: string,
): Promise<readonly JobView[]> {
  const query = q
    .selectFrom("job")
    .select(columns)
    .select(attemptsOf)
    .where("project_id", "=", projectId)
    .orderBy("job_id", "desc")
    .limit(limit);
  const rows = await (after === undefined ? query : query.where("job_id", "<", after as JobId)).execute();
  return rows.map((row) => toView(row, row.attempts.map(fromJson)));
}

/** Writes what may change of a job whose row is locked, and those attempts that are not the ones in `before`. */
export async function saveJob(tx: GatewayTx, before: JobView, after: JobView): Promise<void> {
  const { jobId } = after.job;
  await tx.updateTable("job").set(changeable(after)).where("job_id", "=", jobId).execute();
  const changed = after.attempts
    .map((attempt, position) => ({ attempt, position }))
    .filter(({ attempt }) => !before.attempts.includes(attempt));
  await insertOrUpdateAttempts(tx, jobId, changed);
}

export async function setEventOffset(tx: GatewayTx, jobId: JobId, eventOffset: bigint): Promise<void> {
  await tx.updateTable("job").set({ event_offset: eventOffset }).where("job_id", "=", jobId).execute();
}

/** True when the job's log has not told of payments for so long, and may now. Needs the job's lock. */
export async function markPaymentsTold(tx: GatewayTx, jobId: JobId, seconds: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("job")
    .set({ payments_told_at: sql<Date>`now()` })
    .where("job_id", "=", jobId)
    .where(
      sql<boolean>`(payments_told_at is null or payments_told_at <= now() - make_interval(secs => ${seconds}))`,
    )
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function toView(row: JobRow, attempts: readonly Attempt[]): JobView {
  return { job: toJob(row), attempts, payments: row.payments.map(toPayment) };
}

function changeable({ job, payments }: JobView) {
  return {
    state: job.state,
    train_rows: job.trainRows,
    heldout_rows: job.heldoutRows,
    heldout_commitment: job.heldoutCommitment,
    dropped_rows: JSON.stringify(job.droppedRows),
    verdict: job.verdict ? toBinary(JobScoredSchema, job.verdict) : null,
    failure: encodeFailure(job.failure),
    started_at: job.startedAt ?? null,
    ended_at: job.endedAt ?? null,
    event_offset: job.eventOffset,
    payments: JSON.stringify(payments.map(fromPayment)),
  };
}

function toJob(row: JobRow): Job {
  return {
    jobId: row.job_id,
    projectId: row.project_id,
    spec: {
      displayName: row.display_name,
      modelId: row.model_id,
      datasetId: row.dataset_id,
      contestants: row.contestants,
      recipeIds: row.recipe_ids,
      budgetSeconds: row.budget_seconds,
      hardwareClass: row.hardware_class,
      maxLength: row.max_length,
    },
    state: row.state,
    trainRows: row.train_rows,
    heldoutRows: row.heldout_rows,
    heldoutCommitment: row.heldout_commitment,
    droppedRows: row.dropped_rows,
    verdict: row.verdict ? fromBinary(JobScoredSchema, row.verdict) : undefined,
    failure: decodeFailure(row.failure),
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    eventOffset: row.event_offset,
  };
}

function toPayment({ hotkey, amount_rao, epoch, block_number }: PaymentJson): Payment {
  return {
    contestantHotkey: hotkey,
    amountRao: BigInt(amount_rao),
    epoch: BigInt(epoch),
    blockNumber: BigInt(block_number),
  };
}

function fromPayment({ contestantHotkey, amountRao, epoch, blockNumber }: Payment): PaymentJson {
  return {
    hotkey: contestantHotkey,
    amount_rao: `${amountRao}`,
    epoch: `${epoch}`,
    block_number: `${blockNumber}`,
  };
}
