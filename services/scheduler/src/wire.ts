import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ColumnMapping } from "@gradients/contracts/common";
import {
  ArtifactChecksSchema,
  type JobAccepted,
  TrainingStatsSchema,
  type ArtifactChecks as WireChecks,
  type TrainingStats as WireStats,
} from "@gradients/contracts/event";
import { IncompleteMessage } from "@gradients/contracts/incomplete-message";
import { toFile } from "@gradients/contracts/stored-object";
import type { RecipeId } from "@gradients/kernel";
import type { ArtifactChecks, TrainingStats } from "./domain/attempt.ts";
import type { Columns } from "./domain/engine-spec.ts";
import type { JobOrder } from "./domain/job.ts";

export function toColumns(mapping: ColumnMapping | undefined): Columns {
  const shape = mapping?.shape;
  if (shape?.case === "chat") return { format: "chat", messages: shape.value.messages };
  if (shape?.case !== "instruct") throw new IncompleteMessage("column mapping");
  const { instruction, output, input, system } = shape.value;
  return { format: "instruct", instruction, output, ...(input && { input }), ...(system && { system }) };
}

export function toOrder(message: JobAccepted, now: Date): JobOrder {
  return {
    accountId: message.accountId,
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
