import type { BusTables } from "@gradients/bus";
import type { StoredObject } from "@gradients/contracts/stored-object";
import type { ColumnType, Generated } from "kysely";
import type { EvaluationResult } from "../domain/evaluation.ts";
import type { JobOrder, RaceEntry } from "../domain/job.ts";
import type { JobState } from "../domain/job-machine.ts";
import type { Reason } from "../domain/reason.ts";
import type { SplitPolicy } from "../domain/split.ts";

export type Tables = BusTables & {
  job: JobTable;
  split: SplitTable;
  race_entry: RaceEntryTable;
  evaluation: EvaluationTable;
  verdict: VerdictTable;
  task: TaskTable;
};

/** Written as JSON text, read parsed. */
type Json<T> = ColumnType<T, string, string>;

interface JobTable {
  job_id: string;
  state: JobState;
  details: Json<JobOrder>;
  salt: Buffer;
  deadline: Date;
  failure: ColumnType<Reason | null, string | null, string | null>;
  created_at: Generated<Date>;
}

interface SplitTable {
  job_id: string;
  train: Json<StoredObject>;
  heldout: Json<StoredObject>;
  train_rows: number;
  heldout_rows: Json<readonly number[]>;
  clusters: Json<readonly number[]>;
  commitment: string;
  dropped_rows: Json<Readonly<Record<string, number>>>;
  policy: Json<SplitPolicy>;
}

interface RaceEntryTable {
  job_id: string;
  attempt_id: string;
  details: Json<RaceEntry>;
}

interface EvaluationTable {
  evaluation_id: string;
  job_id: string;
  attempt_id: string | null;
  position: number;
  result: ColumnType<EvaluationResult | null, string | null, string | null>;
}

interface VerdictTable {
  job_id: string;
  /** The JobScored event, encoded. */
  message: Uint8Array;
}

export type TaskKind = "split" | "judge" | "deadline";

interface TaskTable {
  kind: TaskKind;
  job_id: string;
  due_at: Date;
  tries: Generated<number>;
  /** Grows with each claim; a claim that is not the latest may not finish the task. */
  epoch: Generated<number>;
  lease_expires_at: Date | null;
  last_error: string | null;
  traceparent: string | null;
}
