export { classifyRow } from "./classify-row.ts";
export { detectFormat } from "./detect-format.ts";
export { MAX_DATASET_ROWS } from "./limits.ts";
export { type LocalFile, openLocalFile } from "./local-file.ts";
export {
  type ChatMapping,
  detectMapping,
  type InstructMapping,
  type Mapping,
  mappedColumns,
  missingColumns,
} from "./mapping.ts";
export type { RandomAccess } from "./parquet.ts";
export { formatFromProto, formatToProto, mappingFromProto, mappingToProto } from "./proto.ts";
export { type DatasetFormat, type ReadOptions, type RowSource, readRows } from "./read-rows.ts";
export {
  DatasetFileError,
  type FileRule,
  type ReadRow,
  type RowError,
  type RowRule,
  type RowValue,
} from "./row.ts";
export { type RowText, rowText } from "./row-text.ts";
