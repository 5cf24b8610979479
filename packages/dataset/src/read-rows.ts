import { readCsv } from "./csv.ts";
import { readJsonl } from "./jsonl.ts";
import { type RandomAccess, readParquet } from "./parquet.ts";
import { DatasetFileError, type ReadRow } from "./row.ts";

/** Formats that a data set may have. */
export type DatasetFormat = "jsonl" | "csv" | "parquet";

/** Text formats are read once, front to back; Parquet has its index at the end and needs range reads. */
export type RowSource =
  | { readonly format: "jsonl" | "csv"; readonly bytes: AsyncIterable<Uint8Array> }
  | { readonly format: "parquet"; readonly file: RandomAccess };

export interface ReadOptions {
  /** Longest row that is kept in memory, in bytes; a longer one becomes a row error (JSONL) or ends the reading (CSV). 8 MiB unless given. */
  readonly maxRowBytes?: number;
  /** Largest Parquet row group, decompressed, in bytes. 512 MiB unless given. */
  readonly maxRowGroupBytes?: number;
  readonly signal?: AbortSignal;
}

/**
 * The rows of a data set, one at a time, in file order. Memory is bounded by one row (one row group for Parquet), whatever the size of the file.
 * A bad row is yielded with its error and reading goes on; throws DatasetFileError when the file as a whole cannot be read or holds no row.
 */
export async function* readRows(
  source: RowSource,
  options: ReadOptions = {},
): AsyncGenerator<ReadRow, void, undefined> {
  let rows = 0;
  for await (const row of open(source, options)) {
    options.signal?.throwIfAborted();
    rows++;
    yield row;
  }
  if (rows === 0)
    throw new DatasetFileError(
      "EMPTY_FILE",
      "The file holds no rows.",
      "Upload a file with at least one example.",
    );
}

function open(source: RowSource, options: ReadOptions): AsyncIterable<ReadRow> {
  const maxRowBytes = options.maxRowBytes ?? 8 * 1024 * 1024;
  switch (source.format) {
    case "jsonl":
      return readJsonl(source.bytes, maxRowBytes);
    case "csv":
      return readCsv(source.bytes, maxRowBytes);
    case "parquet":
      return readParquet(source.file, options.maxRowGroupBytes ?? 512 * 1024 * 1024);
  }
}
