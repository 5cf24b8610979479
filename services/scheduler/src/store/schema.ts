import type { BusTables } from "@gradients/bus";
import type { StoredObject } from "@gradients/contracts/stored-object";
import type { ColumnType, Generated } from "kysely";
import type { AttemptResult, Waiting, Work } from "../domain/attempt.ts";
import type { AttemptState } from "../domain/attempt-machine.ts";
import type { Failure } from "../domain/failures.ts";
import type { Checkpoint } from "../domain/files.ts";
import type { JobOrder } from "../domain/job.ts";
import type { JobState } from "../domain/job-machine.ts";
import type { UploadPurpose } from "../domain/uploads.ts";

export interface Tables extends BusTables {
  job: JobTable;
  attempt: AttemptTable;
  attempt_token: AttemptTokenTable;
  upload: UploadTable;
  timer: TimerTable;
  leader: LeaderTable;
}

interface JobTable {
  job_id: string;
  state: JobState;
  details: Json<StoredOrder | null>;
  train: Json<StoredObject | null>;
  accepted_at: Date | null;
  deadline: Date | null;
  created_at: Generated<Date>;
}

/** Times have columns of their own. */
type StoredOrder = Omit<JobOrder, "acceptedAt" | "deadline">;

interface AttemptTable {
  attempt_id: string;
  job_id: string;
  kind: Work["kind"];
  state: AttemptState;
  epoch: number;
  losses: Generated<number>;
  lost_epochs: Generated<number[]>;
  hardware_class: string;
  account_id: Generated<string>;
  waiting: Json<Waiting | null>;
  queued_since: Date;
  not_before: Date;
  lease_expires_at: Date | null;
  work: Json<Work>;
  checkpoint: Json<Checkpoint | null>;
  result: Json<AttemptResult | null>;
  failure: Json<Failure | null>;
  traceparent: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

interface AttemptTokenTable {
  attempt_id: string;
  epoch: number;
  token_sha256: Buffer;
}

interface UploadTable {
  upload_id: string;
  attempt_id: string;
  epoch: number;
  purpose: UploadPurpose;
  step: bigint;
  file_name: string;
  object_key: string;
  size: bigint;
  sha256: string;
  s3_upload_id: string | null;
  completed: boolean;
  created_at: Generated<Date>;
}

interface LeaderTable {
  name: string;
  term: bigint;
}

interface TimerTable {
  kind: TimerKind;
  /** The attempt, or the job for its deadline. */
  subject_id: string;
  job_id: string;
  due_at: Date;
}

export type TimerKind = "attempt_deadline" | "job_deadline";

type Json<T> = ColumnType<T, string | null, string | null>;
