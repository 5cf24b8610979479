import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type {
  ColumnMappingSchema,
  FailureReason,
  FailureReasonSchema,
  ModelRefSchema,
} from "@gradients/contracts/common";
import type {
  JobAccepted,
  ArtifactChecks as WireChecks,
  RaceEntry as WireEntry,
} from "@gradients/contracts/event";
import { IncompleteMessage } from "@gradients/contracts/incomplete-message";
import { fromFile, toFile, toObject } from "@gradients/contracts/stored-object";
import { formatFromProto, mappingFromProto, mappingToProto } from "@gradients/dataset";
import type { ArtifactChecks } from "./domain/disqualification.ts";
import type { BaseModel, Columns, JobOrder, RaceEntry } from "./domain/job.ts";
import type { Reason } from "./domain/reason.ts";

export function toOrder({ baseModel, dataset, maxLength, hardwareClass }: JobAccepted): JobOrder {
  const format = dataset && formatFromProto(dataset.format);
  const columns = mappingFromProto(dataset?.columns);
  if (!baseModel) throw new IncompleteMessage("base model");
  if (!dataset || !format) throw new IncompleteMessage("data set with a format");
  if (!columns) throw new IncompleteMessage("column mapping");
  const { modelId, displayName, contextLength, parameterCount, files } = baseModel;
  return {
    baseModel: {
      modelId,
      displayName,
      contextLength,
      parameterCount: Number(parameterCount),
      files: files.map(toFile),
    },
    dataset: {
      datasetId: dataset.datasetId,
      object: toObject(dataset.object, "data set object"),
      format,
      columns,
    },
    maxLength,
    hardwareClass,
  };
}

export function toRaceEntry({
  attemptId,
  recipeId,
  recipeTitle,
  contestantHotkey,
  defaultRecipe,
  artifact,
  failure,
  finishedAt,
}: WireEntry): RaceEntry {
  return {
    attemptId,
    recipeId,
    recipeTitle,
    contestantHotkey,
    isDefault: defaultRecipe,
    artifact: artifact.map(toFile),
    failure: failure ? toReason(failure) : null,
    finishedAt: finishedAt ? timestampDate(finishedAt).getTime() : null,
  };
}

export function toChecks(checks: WireChecks | undefined): ArtifactChecks {
  if (!checks) throw new IncompleteMessage("artifact checks");
  const { loads, finite, changed, safetensorsOnly, updateNorm, weightsSha256 } = checks;
  return { loads, finite, changed, safetensorsOnly, updateNorm, weightsSha256 };
}

export function toReason(reason: FailureReason | undefined): Reason {
  if (!reason) throw new IncompleteMessage("reason");
  return { code: reason.code, message: reason.message, isCustomerError: reason.customerError };
}

export function fromReason({
  code,
  message,
  isCustomerError,
}: Reason): MessageInitShape<typeof FailureReasonSchema> {
  return { code, message, customerError: isCustomerError };
}

export function fromBaseModel({
  files,
  parameterCount,
  ...same
}: BaseModel): MessageInitShape<typeof ModelRefSchema> {
  return { ...same, parameterCount: BigInt(parameterCount), files: files.map(fromFile) };
}

export function fromColumns(columns: Columns): MessageInitShape<typeof ColumnMappingSchema> {
  return mappingToProto(columns);
}
