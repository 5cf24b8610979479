import type { RowSource } from "@gradients/dataset";
import type { ObjectStore } from "@gradients/objects";
import type { Dataset } from "../domain/dataset.ts";

/** A data set's file in the object store, ready to be read row by row. Text is read once and checked against its digest; Parquet in parts. */
export function datasetSource(
  objects: ObjectStore,
  { format, object }: Pick<Dataset, "format" | "object">,
): RowSource {
  if (format !== "parquet") return { format, bytes: objects.get(object) };
  const byteLength = Number(object.size);
  const slice = async (start: number, end = byteLength) => {
    const from = start < 0 ? byteLength + start : start;
    const bytes = await objects.getRange(object.key, from, Math.min(end, byteLength));
    return Uint8Array.from(bytes).buffer;
  };
  return { format, file: { byteLength, slice } };
}
