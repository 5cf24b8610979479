import { DatasetFileError, type RowSource, readRows } from "@gradients/dataset";
import { type CheckOptions, type CheckResult, DatasetCheck } from "../domain/dataset-check.ts";

/** Reads a data set to its end and says what is wrong with it. Throws only for faults that are not the data set's own. */
export async function checkDataset(source: RowSource, options: CheckOptions): Promise<CheckResult> {
  const check = new DatasetCheck(options);
  try {
    for await (const row of readRows(source)) {
      check.add(row);
      if (check.isTooLarge) break;
    }
  } catch (error) {
    if (!(error instanceof DatasetFileError)) throw error;
    check.fail(error);
  }
  return check.finish();
}
