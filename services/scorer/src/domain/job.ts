import type { StoredFile, StoredObject } from "@gradients/contracts/stored-object";
import type { JobId } from "@gradients/kernel";
import type { JobState } from "./job-machine.ts";
import type { Reason } from "./reason.ts";
import type { SplitPolicy } from "./split.ts";

/** What was ordered, as far as splitting and scoring go. */
export interface JobOrder {
  readonly baseModel: BaseModel;
  readonly dataset: Dataset;
  readonly maxLength: number;
  readonly hardwareClass: string;
}

export interface BaseModel {
  readonly modelId: string;
  readonly displayName: string;
  readonly contextLength: number;
  readonly parameterCount: number;
  readonly files: readonly StoredFile[];
}

export interface Dataset {
  readonly datasetId: string;
  readonly object: StoredObject;
  readonly format: "jsonl" | "csv" | "parquet";
  readonly columns: Columns;
}

export type Columns =
  | {
      readonly kind: "instruct";
      readonly instruction: string;
      readonly output: string;
      readonly input?: string;
      readonly system?: string;
    }
  | { readonly kind: "chat"; readonly messages: string };

export interface Job {
  readonly jobId: JobId;
  readonly state: JobState;
  readonly order: JobOrder;
  /** 32 secret bytes; public with the verdict, never before. */
  readonly salt: Buffer;
  readonly deadline: Date;
}

/** The split as it was committed to. The held-out rows themselves lie in the object store. */
export interface CommittedSplit {
  readonly train: StoredObject;
  readonly heldout: StoredObject;
  readonly trainRows: number;
  /** Row numbers in the customer's file, ascending; the order of all score vectors. */
  readonly heldoutRows: readonly number[];
  readonly clusters: readonly number[];
  readonly commitment: string;
  readonly droppedRows: Readonly<Record<string, number>>;
  readonly policy: SplitPolicy;
}

/** One attempt as the race ended for it: with an artifact or with a failure. */
export interface RaceEntry {
  readonly attemptId: string;
  readonly recipeId: string;
  readonly recipeTitle: string;
  readonly contestantHotkey: string;
  readonly isDefault: boolean;
  readonly artifact: readonly StoredFile[];
  readonly failure: Reason | null;
  /** Milliseconds since 1970; null when the race did not say. */
  readonly finishedAt: number | null;
}

/** Whether there is something to evaluate. */
export function hasArtifact({ artifact, failure }: RaceEntry): boolean {
  return artifact.length > 0 && failure === null;
}
