import type { DatasetFormat } from "./read-rows.ts";

const PARQUET_MAGIC = "PAR1";

/** The format by the file's first bytes and its name; undefined when neither tells. Content wins over the name only where it is certain. */
export function detectFormat(fileName: string, head: Uint8Array): DatasetFormat | undefined {
  if (Buffer.from(head.subarray(0, 4)).toString("latin1") === PARQUET_MAGIC) return "parquet";
  const ending = /\.([a-z0-9]+)$/i.exec(fileName)?.[1]?.toLowerCase();
  if (ending === "csv" || ending === "tsv") return "csv";
  if (ending === "jsonl" || ending === "ndjson" || ending === "json") return "jsonl";
  return /^(\xef\xbb\xbf)?\s*[{[]/.test(Buffer.from(head.subarray(0, 256)).toString("latin1"))
    ? "jsonl"
    : undefined;
}
