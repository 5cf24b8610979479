import type { BusTables } from "@gradients/bus";
import type { Database, Tx } from "@gradients/db";
import type { ColumnType, Generated } from "kysely";
import type { ChainProblem } from "../domain/chain-problem.ts";
import type { SubmissionState } from "../domain/submission.ts";

export type Tables = BusTables & {
  scored_job: ScoredJobTable;
  points: PointsTable;
  chain_cursor: ChainCursorTable;
  weight_submission: WeightSubmissionTable;
  reward: RewardTable;
  ledger_transaction: LedgerTransactionTable;
  ledger_entry: LedgerEntryTable;
};

export type BridgeDatabase = Database<Tables>;
export type BridgeTx = Tx<Tables>;

/** Which chain a row is about: rows of another chain (a new dev chain, the testnet) are never mixed with this one's. */
export interface ChainKey {
  readonly genesisHash: string;
  readonly netuid: number;
}

interface ScoredJobTable {
  job_id: string;
  scored_at: Date;
  unallocated_micro_points: bigint;
  traceparent: string | null;
}

interface PointsTable {
  job_id: string;
  hotkey: string;
  attempt_id: string;
  micro_points: bigint;
}

interface ChainCursorTable {
  genesis_hash: string;
  netuid: number;
  /** Last finalized block whose contents are in this database. */
  block_number: bigint;
  block_hash: string;
  updated_at: Generated<Date>;
}

/** Stored so that anybody can compute the vector again. */
export interface WeightInputs {
  readonly points: readonly { readonly hotkey: string; readonly microPoints: string }[];
  readonly unallocatedMicroPoints: string;
}

export interface StoredWeight {
  readonly hotkey: string;
  readonly uid: number;
  readonly weight: number;
}

interface WeightSubmissionTable {
  submission_id: string;
  genesis_hash: string;
  netuid: number;
  mecid: number;
  validator_hotkey: string;
  validator_uid: number;
  epoch: bigint;
  state: SubmissionState;
  weights_version: number;
  window_start: Date;
  window_end: Date;
  pinned_block: bigint;
  pinned_hash: string;
  inputs: ColumnType<WeightInputs, string, never>;
  weights: ColumnType<readonly StoredWeight[], string, never>;
  job_ids: string[];
  signed_bytes: Uint8Array;
  extrinsic_hash: string;
  nonce: bigint;
  last_valid_block: bigint;
  submit_attempts: Generated<number>;
  last_attempt_block: bigint | null;
  problem: ChainProblem | null;
  problem_detail: Generated<string>;
  block_number: bigint | null;
  block_hash: string | null;
  traceparent: string | null;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
}

interface RewardTable {
  reward_id: string;
  genesis_hash: string;
  netuid: number;
  mecid: number;
  epoch: bigint;
  block_number: bigint;
  block_hash: string;
  uid: number;
  hotkey: string;
  coldkey: string;
  destination_hotkey: string;
  amount_rao: bigint;
  status: "paid" | "withheld";
  created_at: Generated<Date>;
}

interface LedgerTransactionTable {
  transaction_id: string;
  kind: "reward";
  reward_id: string;
  created_at: Generated<Date>;
}

interface LedgerEntryTable {
  transaction_id: string;
  account: string;
  amount_rao: bigint;
}
