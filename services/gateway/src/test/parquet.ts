import { parquetWriteBuffer } from "hyparquet-writer";
import { instructRow } from "./world.ts";

/** The rows of `instructRows` as a Parquet file. */
export function parquetOfRows(count: number): Uint8Array {
  const rows = Array.from({ length: count }, (_, index) => instructRow(index));
  const column = (name: "instruction" | "input" | "output") => ({
    name,
    data: rows.map((row) => row[name]),
    type: "STRING" as const,
  });
  return new Uint8Array(
    parquetWriteBuffer({ columnData: [column("instruction"), column("input"), column("output")] }),
  );
}
