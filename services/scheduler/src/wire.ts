import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { IncompleteMessage } from "@gradients/bus";
import type {
  ColumnMapping,
  FileRef,
  FileRefSchema,
  ObjectRef,
  ObjectRefSchema,
} from "@gradients/contracts/common";
import {
  ArtifactChecksSchema,
  type JobAccepted,
  TrainingStatsSchema,
  type ArtifactChecks as WireChecks,
  type TrainingStats as WireStats,
} from "@gradients/contracts/event";
import type { RecipeId } from "@gradients/kernel";
import type { ArtifactChecks, TrainingStats } from "./domain/attempt.ts";
import type { Columns } from "./domain/engine-spec.ts";
import type { StoredFile, StoredObject } from "./domain/files.ts";
import type { JobOrder } from "./domain/job.ts";

export function toObject(ref: ObjectRef | undefined, what: string): StoredObject {
  if (!ref) throw new IncompleteMessage(what);
  return { key: ref.key, size: Number(ref.size), sha256: ref.sha256 };
}

export function toFile(ref: FileRef): StoredFile {
  return { name: ref.name, object: toObject(ref.object, `object of ${ref.name}`) };
}

export function toColumns(mapping: ColumnMapping | undefined): Columns {
  const shape = mapping?.shape;
  if (shape?.case === "chat") return { format: "chat", messages: shape.value.messages };
  if (shape?.case !== "instruct") throw new IncompleteMessage("column mapping");
  const { instruction, output, input, system } = shape.value;
  return { format: "instruct", instruction, output, ...(input && { input }), ...(system && { system }) };
}

export function toOrder(message: JobAccepted, now: Date): JobOrder {
  return {
    baseModel: (message.baseModel?.files ?? []).map(toFile),
    columns: toColumns(message.dataset?.columns),
    contestants: message.contestants,
    recipeIds: message.recipeIds.map((id) => id as RecipeId),
    budgetSeconds: message.budgetSeconds,
    hardwareClass: message.hardwareClass,
    maxLength: message.maxLength,
    acceptedAt: message.acceptedAt ? timestampDate(message.acceptedAt) : now,
    deadline: message.deadline ? timestampDate(message.deadline) : null,
  };
}

export function toStats(stats: WireStats | undefined): TrainingStats {
  const { $typeName: _typeName, ...fields } = stats ?? create(TrainingStatsSchema);
  return {
    ...fields,
    steps: Number(fields.steps),
    examples: Number(fields.examples),
    tokens: Number(fields.tokens),
    trainableParameters: Number(fields.trainableParameters),
    peakMemoryBytes: Number(fields.peakMemoryBytes),
    rowsLeftOut: Number(fields.rowsLeftOut),
  };
}

export function toChecks(checks: WireChecks | undefined): ArtifactChecks {
  const { $typeName: _typeName, ...fields } = checks ?? create(ArtifactChecksSchema);
  return fields;
}

export function fromObject(object: StoredObject): MessageInitShape<typeof ObjectRefSchema> {
  return { ...object, size: BigInt(object.size) };
}

export function fromFile({ name, object }: StoredFile): MessageInitShape<typeof FileRefSchema> {
  return { name, object: fromObject(object) };
}

export function fromStats(stats: TrainingStats): MessageInitShape<typeof TrainingStatsSchema> {
  return {
    ...stats,
    steps: BigInt(stats.steps),
    examples: BigInt(stats.examples),
    tokens: BigInt(stats.tokens),
    trainableParameters: BigInt(stats.trainableParameters),
    peakMemoryBytes: BigInt(stats.peakMemoryBytes),
    rowsLeftOut: BigInt(stats.rowsLeftOut ?? 0),
  };
}
