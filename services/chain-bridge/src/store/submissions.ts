import { currentTraceparent } from "@gradients/runtime";
import type { Selectable } from "kysely";
import type { ProblemReport } from "../domain/chain-problem.ts";
import type { SubmissionState } from "../domain/submission.ts";
import type { BridgeDatabase, BridgeTx, ChainKey, StoredWeight, Tables, WeightInputs } from "./schema.ts";

/** A signed weight vector and what became of it. */
export interface Submission {
  readonly submissionId: string;
  readonly mecid: number;
  readonly validatorUid: number;
  readonly epoch: bigint;
  readonly state: SubmissionState;
  readonly pinnedBlock: number;
  readonly weights: readonly StoredWeight[];
  readonly jobIds: readonly string[];
  readonly signedBytes: Uint8Array;
  readonly extrinsicHash: string;
  readonly lastValidBlock: number;
  readonly submitAttempts: number;
  readonly lastAttemptBlock: number | undefined;
  readonly problem: ProblemReport | undefined;
  readonly blockNumber: number | undefined;
  readonly blockHash: string | undefined;
  readonly createdAt: Date;
  /** W3C trace context in which it was signed. */
  readonly traceparent: string | null;
}

export interface NewSubmission
  extends Pick<
    Submission,
    | "submissionId"
    | "mecid"
    | "validatorUid"
    | "epoch"
    | "weights"
    | "jobIds"
    | "signedBytes"
    | "extrinsicHash"
    | "lastValidBlock"
  > {
  readonly validatorHotkey: string;
  readonly weightsVersion: number;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  readonly pinned: { readonly number: number; readonly hash: string };
  readonly inputs: WeightInputs;
  readonly nonce: number;
}

const COLUMNS = [
  "submission_id",
  "mecid",
  "validator_uid",
  "epoch",
  "state",
  "pinned_block",
  "weights",
  "job_ids",
  "signed_bytes",
  "extrinsic_hash",
  "last_valid_block",
  "submit_attempts",
  "last_attempt_block",
  "problem",
  "problem_detail",
  "block_number",
  "block_hash",
  "created_at",
  "traceparent",
] as const;

/** The intent, before anything is sent. Violates weight_submission_open when another one is open. */
export async function insertSubmission(
  tx: BridgeTx,
  key: ChainKey,
  submission: NewSubmission,
): Promise<void> {
  await tx
    .insertInto("weight_submission")
    .values({
      submission_id: submission.submissionId,
      genesis_hash: key.genesisHash,
      netuid: key.netuid,
      mecid: submission.mecid,
      validator_hotkey: submission.validatorHotkey,
      validator_uid: submission.validatorUid,
      epoch: submission.epoch,
      state: "intended",
      weights_version: submission.weightsVersion,
      window_start: submission.windowStart,
      window_end: submission.windowEnd,
      pinned_block: BigInt(submission.pinned.number),
      pinned_hash: submission.pinned.hash,
      inputs: JSON.stringify(submission.inputs),
      weights: JSON.stringify(submission.weights),
      job_ids: [...submission.jobIds],
      signed_bytes: submission.signedBytes,
      extrinsic_hash: submission.extrinsicHash,
      nonce: BigInt(submission.nonce),
      last_valid_block: BigInt(submission.lastValidBlock),
      traceparent: currentTraceparent() ?? null,
    })
    .execute();
}

/** The one that is on its way, if any. Index weight_submission_open. */
export async function findOpenSubmission(
  { q }: BridgeDatabase,
  key: ChainKey,
  mecid: number,
  validatorHotkey: string,
): Promise<Submission | undefined> {
  const row = await q
    .selectFrom("weight_submission")
    .select(COLUMNS)
    .where("genesis_hash", "=", key.genesisHash)
    .where("netuid", "=", key.netuid)
    .where("mecid", "=", mecid)
    .where("validator_hotkey", "=", validatorHotkey)
    .where("state", "in", ["intended", "submitted"])
    .executeTakeFirst();
  return row && toSubmission(row);
}

/** All open ones of a chain. Index weight_submission_open. */
export async function findOpenSubmissions({ q }: BridgeDatabase, key: ChainKey): Promise<Submission[]> {
  const rows = await q
    .selectFrom("weight_submission")
    .select(COLUMNS)
    .where("genesis_hash", "=", key.genesisHash)
    .where("netuid", "=", key.netuid)
    .where("state", "in", ["intended", "submitted"])
    .execute();
  return rows.map(toSubmission);
}

/** Its state, with the row locked. Primary key. */
export async function lockSubmission(
  tx: BridgeTx,
  submissionId: string,
): Promise<SubmissionState | undefined> {
  const row = await tx
    .selectFrom("weight_submission")
    .select("state")
    .where("submission_id", "=", submissionId)
    .forUpdate()
    .executeTakeFirst();
  return row?.state;
}

/** Newest first. Index weight_submission_newest. */
export async function listSubmissions(
  { q }: BridgeDatabase,
  key: ChainKey,
  limit: number,
): Promise<Submission[]> {
  const rows = await q
    .selectFrom("weight_submission")
    .select(COLUMNS)
    .where("genesis_hash", "=", key.genesisHash)
    .where("netuid", "=", key.netuid)
    .orderBy("created_at", "desc")
    .orderBy("submission_id", "desc")
    .limit(limit)
    .execute();
  return rows.map(toSubmission);
}

/** Notes a try before it is made; its number, or undefined when the submission has ended meanwhile. */
export async function beginAttempt(
  { q }: BridgeDatabase,
  submissionId: string,
  block: number,
): Promise<number | undefined> {
  const row = await q
    .updateTable("weight_submission")
    .set(({ eb }) => ({ submit_attempts: eb("submit_attempts", "+", 1), last_attempt_block: BigInt(block) }))
    .where("submission_id", "=", submissionId)
    .where("state", "in", ["intended", "submitted"])
    .returning("submit_attempts")
    .executeTakeFirst();
  return row?.submit_attempts;
}

export interface StateChange {
  readonly from: SubmissionState;
  readonly to: SubmissionState;
  readonly problem?: ProblemReport;
  readonly block?: { readonly number: number; readonly hash: string };
}

/** False when the submission is in another state than the change starts from. */
export async function changeState(
  tx: BridgeTx,
  submissionId: string,
  { from, to, problem, block }: StateChange,
): Promise<boolean> {
  const result = await tx
    .updateTable("weight_submission")
    .set({
      state: to,
      updated_at: tx.now,
      ...(problem ? { problem: problem.code, problem_detail: problem.detail } : {}),
      ...(block ? { block_number: BigInt(block.number), block_hash: block.hash } : {}),
    })
    .where("submission_id", "=", submissionId)
    .where("state", "=", from)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

function toSubmission(
  row: Pick<Selectable<Tables["weight_submission"]>, (typeof COLUMNS)[number]>,
): Submission {
  return {
    submissionId: row.submission_id,
    mecid: row.mecid,
    validatorUid: row.validator_uid,
    epoch: row.epoch,
    state: row.state,
    pinnedBlock: Number(row.pinned_block),
    weights: row.weights,
    jobIds: row.job_ids,
    signedBytes: row.signed_bytes,
    extrinsicHash: row.extrinsic_hash,
    lastValidBlock: Number(row.last_valid_block),
    submitAttempts: row.submit_attempts,
    lastAttemptBlock: row.last_attempt_block === null ? undefined : Number(row.last_attempt_block),
    problem: row.problem === null ? undefined : { code: row.problem, detail: row.problem_detail },
    blockNumber: row.block_number === null ? undefined : Number(row.block_number),
    blockHash: row.block_hash ?? undefined,
    createdAt: row.created_at,
    traceparent: row.traceparent,
  };
}
