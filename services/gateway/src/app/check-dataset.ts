import { setImmediate as nextTurn } from "node:timers/promises";
import { DatasetFileError, type RowSource, readRows } from "@gradients/dataset";
import { type CheckOptions, type CheckResult, DatasetCheck } from "../domain/dataset-check.ts";

/** Longest time that the check keeps other work of this process waiting, but for a single long row. */
const SLICE_MS = 8;

/** Reads a data set to its end and says what is wrong with it. Throws only for faults that are not the data set's own. */
export async function checkDataset(
  source: RowSource,
  options: CheckOptions,
  signal: AbortSignal,
): Promise<CheckResult> {
  const check = new DatasetCheck(options);
  let sliceStart = performance.now();
  try {
    for await (const row of readRows(source, { signal })) {
      check.add(row);
      if (performance.now() - sliceStart < SLICE_MS) continue;
      await nextTurn();
      sliceStart = performance.now();
    }
  } catch (error) {
    if (!(error instanceof DatasetFileError)) throw error;
    check.fail(error);
  }
  return check.finish();
}
