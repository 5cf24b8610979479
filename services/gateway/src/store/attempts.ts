import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AttemptFinishedSchema, type ProgressPoint, ProgressPointSchema } from "@gradients/contracts/event";
import type { AttemptId, JobId } from "@gradients/kernel";
import { type AliasedRawBuilder, type ExpressionBuilder, type Selectable, sql } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { Attempt } from "../domain/job.ts";
import type { GatewayQuery, GatewayTx } from "./database.ts";
import { decodeFailure, encodeFailure } from "./failure-bytes.ts";
import type { GatewayTables } from "./schema.ts";

type AttemptRow = Selectable<GatewayTables["attempt"]>;
type AttemptJson =
  ReturnType<typeof attemptsOf> extends AliasedRawBuilder<(infer Row)[], string> ? Row : never;

const columns = [
  "attempt.attempt_id",
  "attempt.recipe_id",
  "attempt.recipe_title",
  "attempt.contestant_hotkey",
  "attempt.state",
  "attempt.epoch",
  "attempt.phase",
  "attempt.latest",
  "attempt.finished",
  "attempt.failure",
  "attempt.wait_reason",
  "attempt.waiting_since",
  "attempt.started_at",
  "attempt.ended_at",
] as const;

/** The attempts of a job in their order. No lock: an attempt changes only under its job's lock. Index attempt_by_job. */
export async function loadAttempts(q: GatewayQuery, jobId: JobId): Promise<readonly Attempt[]> {
  const query = q.selectFrom("attempt").select(columns).where("job_id", "=", jobId).orderBy("position");
  return (await query.execute()).map(toAttempt);
}

/** The same along with each job of a query, as JSON. Not where the query waits for a lock: PostgreSQL would give the attempts as they were before. */
export function attemptsOf(eb: ExpressionBuilder<GatewayTables, "job">) {
  const query = eb.selectFrom("attempt").select(columns).whereRef("attempt.job_id", "=", "job.job_id");
  return jsonArrayFrom(query.orderBy("position")).as("attempts");
}

export function fromJson(row: AttemptJson): Attempt {
  return toAttempt({
    ...row,
    latest: bytesOf(row.latest),
    finished: bytesOf(row.finished),
    failure: bytesOf(row.failure),
    waiting_since: row.waiting_since === null ? null : new Date(row.waiting_since),
    started_at: row.started_at === null ? null : new Date(row.started_at),
    ended_at: row.ended_at === null ? null : new Date(row.ended_at),
  });
}

/** Needs the job's lock. */
export async function insertOrUpdateAttempts(
  tx: GatewayTx,
  jobId: JobId,
  attempts: readonly PlacedAttempt[],
): Promise<void> {
  if (attempts.length === 0) return;
  await tx
    .insertInto("attempt")
    .values(attempts.map((placed) => toRow(jobId, placed)))
    .onConflict((conflict) =>
      conflict.column("attempt_id").doUpdateSet((eb) => ({
        state: eb.ref("excluded.state"),
        epoch: eb.ref("excluded.epoch"),
        phase: eb.ref("excluded.phase"),
        latest: eb.ref("excluded.latest"),
        finished: eb.ref("excluded.finished"),
        failure: eb.ref("excluded.failure"),
        wait_reason: eb.ref("excluded.wait_reason"),
        waiting_since: eb.ref("excluded.waiting_since"),
        started_at: eb.ref("excluded.started_at"),
        ended_at: eb.ref("excluded.ended_at"),
      })),
    )
    .execute();
}

/** What a running attempt reports about itself. Needs the job's lock. */
export async function setAttemptProgress(
  tx: GatewayTx,
  attemptId: AttemptId,
  phase: string,
  latest: ProgressPoint | undefined,
): Promise<void> {
  const changes = { phase, ...(latest && { latest: toBinary(ProgressPointSchema, latest) }) };
  await tx
    .updateTable("attempt")
    .set(changes)
    .where("attempt_id", "=", attemptId)
    .where("state", "=", sql.lit("running"))
    .execute();
}

interface PlacedAttempt {
  readonly attempt: Attempt;
  readonly position: number;
}

function toRow(jobId: JobId, { attempt, position }: PlacedAttempt): AttemptRow {
  return {
    attempt_id: attempt.attemptId,
    job_id: jobId,
    position,
    recipe_id: attempt.recipeId,
    recipe_title: attempt.recipeTitle,
    contestant_hotkey: attempt.contestantHotkey,
    state: attempt.state,
    epoch: attempt.epoch,
    phase: attempt.phase,
    latest: attempt.latest ? toBinary(ProgressPointSchema, attempt.latest) : null,
    finished: encodeFinished(attempt),
    failure: encodeFailure(attempt.failure),
    wait_reason: attempt.waiting?.reason ?? null,
    waiting_since: attempt.waiting?.since ?? null,
    started_at: attempt.startedAt ?? null,
    ended_at: attempt.endedAt ?? null,
  };
}

function toAttempt(row: Omit<AttemptRow, "job_id" | "position">): Attempt {
  const finished = row.finished ? fromBinary(AttemptFinishedSchema, row.finished) : undefined;
  return {
    attemptId: row.attempt_id,
    recipeId: row.recipe_id,
    recipeTitle: row.recipe_title,
    contestantHotkey: row.contestant_hotkey,
    state: row.state,
    epoch: row.epoch,
    phase: row.phase,
    latest: row.latest ? fromBinary(ProgressPointSchema, row.latest) : undefined,
    stats: finished?.stats,
    artifact: finished?.artifact ?? [],
    failure: decodeFailure(row.failure),
    waiting:
      row.wait_reason && row.waiting_since
        ? { reason: row.wait_reason, since: row.waiting_since }
        : undefined,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}

/** PostgreSQL's text of bytes. */
function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text.slice("\\x".length), "hex");
}

function encodeFinished({ stats, artifact }: Attempt): Uint8Array | null {
  if (!stats && artifact.length === 0) return null;
  const message = create(AttemptFinishedSchema, { artifact: [...artifact], ...(stats && { stats }) });
  return toBinary(AttemptFinishedSchema, message);
}
