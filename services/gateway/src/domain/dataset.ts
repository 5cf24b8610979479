import type { ObjectRef } from "@gradients/contracts/common";
import type { DatasetReport } from "@gradients/contracts/gateway";
import type { DatasetFormat, Mapping } from "@gradients/dataset";
import type { AccountId, DatasetId, ModelId } from "@gradients/kernel";

/** The file is complete in the object store from `checking` on. A file that cannot be trained on stays, with the report that says why. */
export type DatasetState = "checking" | "ready" | "invalid";

export interface Dataset {
  readonly datasetId: DatasetId;
  readonly projectId: AccountId;
  readonly fileName: string;
  readonly format: DatasetFormat;
  readonly state: DatasetState;
  readonly object: ObjectRef;
  /** Columns that the customer chose; undefined lets the check find them by name. */
  readonly chosenMapping: Mapping | undefined;
  /** Model whose tokenizer counts the tokens. */
  readonly modelId: ModelId;
  readonly report: DatasetReport | undefined;
  readonly attribution: string;
  readonly createdAt: Date;
}
