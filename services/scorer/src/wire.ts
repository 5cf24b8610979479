import type { MessageInitShape } from "@bufbuild/protobuf";
import { IncompleteMessage } from "@gradients/bus";
import type {
  ColumnMappingSchema,
  FailureReason,
  FailureReasonSchema,
  FileRef,
  FileRefSchema,
  ModelRefSchema,
  ObjectRef,
  ObjectRefSchema,
} from "@gradients/contracts/common";
import type {
  JobAccepted,
  ArtifactChecks as WireChecks,
  RaceEntry as WireEntry,
} from "@gradients/contracts/event";
import { formatFromProto, mappingFromProto, mappingToProto } from "@gradients/dataset";
import type { ArtifactChecks } from "./domain/disqualification.ts";
import type { BaseModel, Columns, JobOrder, RaceEntry, StoredFile, StoredObject } from "./domain/job.ts";
import type { Reason } from "./domain/reason.ts";

export function toObject(ref: ObjectRef | undefined, what: string): StoredObject {
  if (!ref) throw new IncompleteMessage(what);
  return { key: ref.key, size: Number(ref.size), sha256: ref.sha256 };
}

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
}: WireEntry): RaceEntry {
  return {
    attemptId,
    recipeId,
    recipeTitle,
    contestantHotkey,
    isDefault: defaultRecipe,
    artifact: artifact.map(toFile),
    failure: failure ? toReason(failure) : null,
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

export function fromObject({ key, size, sha256 }: StoredObject): MessageInitShape<typeof ObjectRefSchema> {
  return { key, size: BigInt(size), sha256 };
}

export function fromFile({ name, object }: StoredFile): MessageInitShape<typeof FileRefSchema> {
  return { name, object: fromObject(object) };
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

function toFile({ name, object }: FileRef): StoredFile {
  return { name, object: toObject(object, `object of ${name}`) };
}
