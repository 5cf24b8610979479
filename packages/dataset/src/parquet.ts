import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type Compressors, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { DatasetFileError, type ReadRow, type RowValue } from "./row.ts";

/** A file that can be read at any place: a local file, or an object by range requests. */
export interface RandomAccess {
  readonly byteLength: number;
  /** Bytes in [start, end). */
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** Rows of a Parquet file, one row group in memory at a time. Reads uncompressed, Snappy, gzip, Brotli and zstd columns. */
export async function* readParquet(
  file: RandomAccess,
  maxRowGroupBytes: number,
): AsyncGenerator<ReadRow, void, undefined> {
  const metadata = await readMetadata(file);
  let row = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    checkGroupSize(index, Number(group.total_byte_size), maxRowGroupBytes);
    const rows = await readGroup(file, metadata, row, row + Number(group.num_rows));
    const bytes = Math.round(Number(group.total_byte_size) / Math.max(1, rows.length));
    for (const value of rows) yield { row: ++row, bytes, value: jsonObject(value) };
  }
}

async function readMetadata(file: RandomAccess): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(file);
  } catch (cause) {
    throw new DatasetFileError(
      "BAD_PARQUET",
      "The file is no complete Parquet file: its index cannot be read.",
      "Export it again and upload the whole file.",
      { cause },
    );
  }
}

async function readGroup(
  file: RandomAccess,
  metadata: FileMetaData,
  rowStart: number,
  rowEnd: number,
): Promise<RowValue[]> {
  try {
    return await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors });
  } catch (cause) {
    const message = `Rows ${rowStart + 1} to ${rowEnd} of the Parquet file cannot be decoded.`;
    throw new DatasetFileError(
      "BAD_PARQUET",
      message,
      "Export it again, with Snappy, gzip or zstd compression.",
      { cause },
    );
  }
}

function checkGroupSize(index: number, size: number, maxRowGroupBytes: number): void {
  if (size <= maxRowGroupBytes) return;
  const message = `Row group ${index + 1} has ${size} bytes; at most ${maxRowGroupBytes} are read at once.`;
  throw new DatasetFileError(
    "ROW_GROUP_TOO_LARGE",
    message,
    "Write the file with smaller row groups, for example 10,000 rows each.",
  );
}

/** Bounded by the length that the page header declares, so a small page cannot blow up. */
const compressors: Compressors = {
  GZIP: (input, outputLength) => gunzipSync(input, { maxOutputLength: Math.max(1, outputLength) }),
  BROTLI: (input, outputLength) =>
    brotliDecompressSync(input, { maxOutputLength: Math.max(1, outputLength) }),
  ZSTD: (input, outputLength) => zstdDecompressSync(input, { maxOutputLength: Math.max(1, outputLength) }),
};

function jsonObject(row: RowValue): RowValue {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, jsonValue(value)]));
}

/** Parquet has types that JSON lacks; 64-bit integers beyond 2^53 become text rather than another number. */
function jsonValue(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, jsonValue);
  return Array.isArray(value) ? value.map(jsonValue) : jsonObject(value as RowValue);
}
