import type { BusTables } from "@gradients/bus";
import type { WaitReason } from "@gradients/contracts/event";
import type { DatasetFormat, Mapping } from "@gradients/dataset";
import type {
  AccountId,
  AttemptId,
  DatasetId,
  EvaluationId,
  JobId,
  ModelId,
  RecipeId,
} from "@gradients/kernel";
import type { JSONColumnType } from "kysely";
import type { DatasetState } from "../domain/dataset.ts";
import type { AttemptState, JobState } from "../domain/job.ts";

/** The gateway's own tables. Messages that are only passed on to the customer are kept as their bytes. */
export interface GatewayTables extends BusTables {
  project: ProjectTable;
  api_key: ApiKeyTable;
  model: ModelTable;
  upload: UploadTable;
  dataset: DatasetTable;
  dataset_check: DatasetCheckTable;
  job: JobTable;
  attempt: AttemptTable;
  curve: CurveTable;
  job_event: JobEventTable;
  weight_vector: WeightVectorTable;
  weight_vector_job: WeightVectorJobTable;
  reward: RewardTable;
  answered_request: AnsweredRequestTable;
}

interface ProjectTable {
  project_id: AccountId;
  display_name: string;
  created_at: Date;
}

interface ApiKeyTable {
  key_id: string;
  project_id: AccountId;
  display_name: string;
  prefix: string;
  secret_sha256: Uint8Array;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
}

interface ModelTable {
  model_id: ModelId;
  display_name: string;
  license: string;
  /** SHA-256 over the names and digests of all files. */
  digest: string;
  /** gradients.common.v1.ModelRef */
  ref: Uint8Array;
  context_length: number;
  parameter_count: bigint;
  size_bytes: bigint;
  created_at: Date;
}

/** An upload under way; what is left of it is removed when its time is over. */
interface UploadTable {
  dataset_id: DatasetId;
  expires_at: Date;
}

interface DatasetTable {
  dataset_id: DatasetId;
  project_id: AccountId;
  file_name: string;
  format: DatasetFormat;
  state: DatasetState;
  object_key: string;
  object_size: bigint;
  object_sha256: string;
  chosen_mapping: JSONColumnType<Mapping> | null;
  model_id: ModelId;
  /** gradients.gateway.v1.DatasetReport */
  report: Uint8Array | null;
  usable_rows: bigint | null;
  attribution: string;
  created_at: Date;
}

/** A check that is due or runs: whoever holds the lease works on it. */
interface DatasetCheckTable {
  dataset_id: DatasetId;
  due_at: Date;
  lease_id: string | null;
  tries: number;
}

interface JobTable {
  job_id: JobId;
  project_id: AccountId;
  display_name: string;
  model_id: ModelId;
  dataset_id: DatasetId;
  contestants: number;
  recipe_ids: RecipeId[];
  budget_seconds: number;
  hardware_class: string;
  max_length: number;
  state: JobState;
  train_rows: number;
  heldout_rows: number;
  heldout_commitment: string;
  dropped_rows: JSONColumnType<Readonly<Record<string, number>>>;
  /** gradients.event.v1.JobScored */
  verdict: Uint8Array | null;
  /** gradients.common.v1.FailureReason */
  failure: Uint8Array | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  event_offset: bigint;
  payments: JSONColumnType<readonly PaymentJson[]>;
  /** When the job's log last told of payments. */
  payments_told_at: Date | null;
}

/** Amounts do not fit into JSON's numbers. */
export interface PaymentJson {
  readonly hotkey: string;
  readonly amount_rao: string;
  readonly epoch: string;
  readonly block_number: string;
}

interface AttemptTable {
  attempt_id: AttemptId;
  job_id: JobId;
  /** Place in the job's list. */
  position: number;
  recipe_id: RecipeId;
  recipe_title: string;
  contestant_hotkey: string;
  state: AttemptState;
  epoch: number;
  phase: string;
  /** gradients.event.v1.ProgressPoint */
  latest: Uint8Array | null;
  /** gradients.event.v1.AttemptFinished, for its artifact and stats */
  finished: Uint8Array | null;
  /** gradients.common.v1.FailureReason */
  failure: Uint8Array | null;
  /** gradients.event.v1.WaitReason; null when nothing is in its way. */
  wait_reason: WaitReason | null;
  waiting_since: Date | null;
  started_at: Date | null;
  ended_at: Date | null;
}

/** Thinning state of one training or evaluation curve. */
interface CurveTable {
  job_id: JobId;
  curve_id: AttemptId | EvaluationId;
  epoch: number;
  phase: string;
  sent_at: Date;
  last_step: bigint;
  last_kept: number;
  kept_points: number;
}

interface JobEventTable {
  job_id: JobId;
  event_offset: bigint;
  /** gradients.gateway.v1.WatchJobResponse */
  payload: Uint8Array;
}

interface WeightVectorTable {
  submission_id: string;
  /** Empty in rows from before the events named the chain. */
  genesis_hash: string;
  epoch: bigint;
  block_number: bigint;
}

interface WeightVectorJobTable {
  submission_id: string;
  job_id: JobId;
}

interface RewardTable {
  reward_id: string;
  /** Empty in rows from before the events named the chain. */
  genesis_hash: string;
  epoch: bigint;
  hotkey: string;
  /** numeric(39) as decimal text */
  amount_rao: string;
  block_number: bigint;
}

/** The first answer to a request id, kept to be given again. */
interface AnsweredRequestTable {
  project_id: AccountId;
  method: string;
  request_id: string;
  body_sha256: Uint8Array;
  response: Uint8Array;
  created_at: Date;
}
