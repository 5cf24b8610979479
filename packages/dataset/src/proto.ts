import { type ColumnMapping, FileFormat } from "@gradients/contracts/common";
import type { Mapping } from "./mapping.ts";
import type { DatasetFormat } from "./read-rows.ts";

/** The mapping in a message; undefined when none is set or a needed name is empty. */
export function mappingFromProto(columns: ColumnMapping | undefined): Mapping | undefined {
  const shape = columns?.shape;
  if (shape?.case === "chat")
    return shape.value.messages ? { kind: "chat", messages: shape.value.messages } : undefined;
  if (shape?.case !== "instruct") return undefined;
  const { instruction, input, output, system } = shape.value;
  if (!instruction || !output) return undefined;
  return { kind: "instruct", instruction, output, ...(input && { input }), ...(system && { system }) };
}

/** The message of a mapping, as an init shape. */
export function mappingToProto(mapping: Mapping) {
  if (mapping.kind === "chat")
    return { shape: { case: "chat" as const, value: { messages: mapping.messages } } };
  const { instruction, output, input = "", system = "" } = mapping;
  return { shape: { case: "instruct" as const, value: { instruction, output, input, system } } };
}

export function formatFromProto(format: FileFormat): DatasetFormat | undefined {
  switch (format) {
    case FileFormat.JSONL:
      return "jsonl";
    case FileFormat.CSV:
      return "csv";
    case FileFormat.PARQUET:
      return "parquet";
    case FileFormat.UNSPECIFIED:
      return undefined;
  }
}

export function formatToProto(format: DatasetFormat): FileFormat {
  return { jsonl: FileFormat.JSONL, csv: FileFormat.CSV, parquet: FileFormat.PARQUET }[format];
}
