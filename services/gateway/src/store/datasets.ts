import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ObjectRefSchema } from "@gradients/contracts/common";
import { type DatasetReport, DatasetReportSchema } from "@gradients/contracts/gateway";
import type { AccountId, DatasetId } from "@gradients/kernel";
import type { Selectable } from "kysely";
import type { Dataset, DatasetState } from "../domain/dataset.ts";
import type { GatewayQuery, GatewayTx } from "./database.ts";
import type { GatewayTables } from "./schema.ts";

const columns = [
  "dataset_id",
  "project_id",
  "file_name",
  "format",
  "state",
  "object_key",
  "object_size",
  "object_sha256",
  "chosen_mapping",
  "model_id",
  "report",
  "usable_rows",
  "attribution",
  "created_at",
] as const;

export async function insertDataset(tx: GatewayTx, dataset: Dataset): Promise<void> {
  const row = {
    dataset_id: dataset.datasetId,
    project_id: dataset.projectId,
    file_name: dataset.fileName,
    format: dataset.format,
    state: dataset.state,
    object_key: dataset.object.key,
    object_size: dataset.object.size,
    object_sha256: dataset.object.sha256,
    chosen_mapping: dataset.chosenMapping ? JSON.stringify(dataset.chosenMapping) : null,
    model_id: dataset.modelId,
    report: null,
    usable_rows: null,
    attribution: dataset.attribution,
    created_at: dataset.createdAt,
  };
  await tx.insertInto("dataset").values(row).execute();
}

/** By primary key, no lock. A data set of another project counts as none. */
export async function findDataset(
  q: GatewayQuery,
  projectId: AccountId,
  datasetId: DatasetId,
): Promise<Dataset | undefined> {
  const query = q
    .selectFrom("dataset")
    .select(columns)
    .where("dataset_id", "=", datasetId)
    .where("project_id", "=", projectId);
  const row = await query.executeTakeFirst();
  return row && toDataset(row);
}

/** Newest first, by index dataset_by_project. */
export async function listDatasets(
  q: GatewayQuery,
  projectId: AccountId,
  limit: number,
  after?: string,
): Promise<readonly Dataset[]> {
  const query = q
    .selectFrom("dataset")
    .select(columns)
    .where("project_id", "=", projectId)
    .orderBy("dataset_id", "desc")
    .limit(limit);
  const rows = await (after === undefined
    ? query
    : query.where("dataset_id", "<", after as DatasetId)
  ).execute();
  return rows.map(toDataset);
}

export async function saveReport(
  tx: GatewayTx,
  datasetId: DatasetId,
  state: DatasetState,
  report: DatasetReport,
): Promise<void> {
  const changes = { state, report: toBinary(DatasetReportSchema, report), usable_rows: report.usableRows };
  await tx.updateTable("dataset").set(changes).where("dataset_id", "=", datasetId).execute();
}

function toDataset(row: Selectable<GatewayTables["dataset"]>): Dataset {
  return {
    datasetId: row.dataset_id,
    projectId: row.project_id,
    fileName: row.file_name,
    format: row.format,
    state: row.state,
    object: create(ObjectRefSchema, {
      key: row.object_key,
      size: row.object_size,
      sha256: row.object_sha256,
    }),
    chosenMapping: row.chosen_mapping ?? undefined,
    modelId: row.model_id,
    report: row.report ? fromBinary(DatasetReportSchema, row.report) : undefined,
    attribution: row.attribution,
    createdAt: row.created_at,
  };
}
