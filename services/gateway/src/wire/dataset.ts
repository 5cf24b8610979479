import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Dataset_State,
  type Dataset as DatasetMessage,
  type DatasetReport,
  DatasetReportSchema,
  DatasetSchema,
  Finding_Severity,
  type FindingSchema,
} from "@gradients/contracts/gateway";
import { formatToProto, mappingToProto } from "@gradients/dataset";
import type { Dataset, DatasetState } from "../domain/dataset.ts";
import type { CheckResult } from "../domain/dataset-check.ts";
import type { Finding, Severity } from "../domain/findings.ts";
import { datasetName } from "../domain/resource-names.ts";

const states: Readonly<Record<DatasetState, Dataset_State>> = {
  checking: Dataset_State.CHECKING,
  ready: Dataset_State.READY,
  invalid: Dataset_State.INVALID,
};

const severities: Readonly<Record<Severity, Finding_Severity>> = {
  warning: Finding_Severity.WARNING,
  error: Finding_Severity.ERROR,
};

export function encodeDataset(dataset: Dataset): DatasetMessage {
  return create(DatasetSchema, {
    name: datasetName(dataset.projectId, dataset.datasetId),
    fileName: dataset.fileName,
    state: states[dataset.state],
    object: dataset.object,
    ...(dataset.report && { report: dataset.report }),
    createTime: timestampFromDate(dataset.createdAt),
    attribution: dataset.attribution,
  });
}

export function encodeReport(result: CheckResult): DatasetReport {
  return create(DatasetReportSchema, {
    format: formatToProto(result.format),
    columns: result.columns.map(({ name, type, emptyValues }) => ({
      name,
      type,
      emptyValues: BigInt(emptyValues),
    })),
    ...(result.mapping && { mapping: mappingToProto(result.mapping) }),
    rows: BigInt(result.rows),
    usableRows: BigInt(result.usableRows),
    duplicateRows: BigInt(result.duplicateRows),
    emptyRows: BigInt(result.emptyRows),
    overlongRows: BigInt(result.overlongRows),
    longRows: BigInt(result.longRows),
    trainingLength: result.trainingLength,
    totalTokens: BigInt(result.totalTokens),
    tokenHistogram: result.tokenHistogram.map(({ upTo, rows }) => ({ upTo, rows: BigInt(rows) })),
    findings: result.findings.map(encodeFinding),
    previews: [...result.previews],
  });
}

function encodeFinding({
  rule,
  severity,
  message,
  fix,
  rows,
  count,
  column,
}: Finding): MessageInitShape<typeof FindingSchema> {
  return {
    rule,
    severity: severities[severity],
    message,
    fix,
    rows: rows.map(BigInt),
    count: BigInt(count),
    column,
  };
}
