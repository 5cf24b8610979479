import { createReadStream } from "node:fs";
import {
  classifyRow,
  DatasetFileError,
  type Mapping,
  mappedColumns,
  openLocalFile,
  type RowValue,
  readRows,
  rowText,
} from "@gradients/dataset";
import { datasetTooLarge, jobFailure, splitFailure } from "../domain/failures.ts";
import type { Dataset } from "../domain/job.ts";
import { NearDuplicateIndex, TooManyRows } from "../domain/near-duplicates.ts";
import type { Reason } from "../domain/reason.ts";
import { beginCommitment, chooseHeldout, type Split, type SplitPolicy } from "../domain/split.ts";
import { openLines } from "./line-writer.ts";

export interface SplitInput {
  /** The data set on the local disk, its digest checked. */
  readonly datasetPath: string;
  readonly dataset: Pick<Dataset, "format" | "columns">;
  readonly salt: Uint8Array;
  readonly policy: SplitPolicy;
  /** Distinct usable rows at most. */
  readonly maxRows: number;
  /** The usable rows between the passes. */
  readonly spoolPath: string;
  readonly trainPath: string;
  readonly heldoutPath: string;
}

export type SplitOutput =
  | {
      readonly kind: "written";
      readonly trainRows: number;
      /** Row numbers in the customer's file. */
      readonly heldoutRows: readonly number[];
      readonly clusters: readonly number[];
      readonly commitment: string;
      readonly droppedRows: Readonly<Record<string, number>>;
    }
  | { readonly kind: "refused"; readonly reason: Reason };

/**
 * Splits a data set into two JSONL files: rows keep their columns and get `row`, their number in the customer's file. Three passes: usable rows are spooled and
 * counted, signed for likeness, and written to their side. Memory grows by some 450 bytes per row, whatever the rows' length.
 */
export async function writeSplit(input: SplitInput): Promise<SplitOutput> {
  const mapping: Mapping = input.dataset.columns;
  if (mappedColumns(mapping).includes("row"))
    return refused(
      "DATASET_INVALID",
      'A mapped column is named "row", which the platform uses for row numbers. Rename the column.',
    );
  const index = new NearDuplicateIndex(Buffer.from(input.salt).toString("hex"), input.maxRows);
  try {
    const { droppedRows, rowNumbers } = await spoolUsableRows(input, mapping, index);
    await placeRows(input.spoolPath, mapping, index);
    const split = chooseHeldout(index.groups(), input.salt, input.policy);
    if (!split.ok) return { kind: "refused", reason: splitFailure(split.error, droppedRows) };
    const commitment = await writeSides(input, split.value);
    const heldoutRows = split.value.heldoutRows.map((row) => rowNumbers[row] ?? 0);
    return {
      kind: "written",
      trainRows: split.value.trainRows,
      heldoutRows,
      clusters: split.value.clusters,
      commitment,
      droppedRows,
    };
  } catch (error) {
    if (error instanceof TooManyRows) return { kind: "refused", reason: datasetTooLarge(input.maxRows) };
    if (error instanceof DatasetFileError) return refused("DATASET_INVALID", describeFileError(error));
    throw error;
  }
}

async function spoolUsableRows(
  { datasetPath, dataset, spoolPath }: SplitInput,
  mapping: Mapping,
  index: NearDuplicateIndex,
) {
  const droppedRows: Record<string, number> = {};
  const drop = (reason: string) => {
    droppedRows[reason] = (droppedRows[reason] ?? 0) + 1;
  };
  const rowNumbers: number[] = [];
  await using file = await openLocalFile(datasetPath, dataset.format);
  const spool = openLines(spoolPath);
  for await (const read of readRows(file.source)) {
    const usable =
      "error" in read ? { ok: false as const, error: read.error } : classifyRow(read.value, mapping);
    if (!usable.ok) drop(usable.error.rule.toLowerCase());
    else if (!index.count(rowText(usable.value, mapping))) drop("duplicate");
    else {
      rowNumbers.push(read.row);
      await spool.write(`${JSON.stringify({ ...usable.value, row: read.row })}\n`);
    }
  }
  await spool.close();
  return { droppedRows, rowNumbers };
}

async function placeRows(spoolPath: string, mapping: Mapping, index: NearDuplicateIndex): Promise<void> {
  if (index.rows === 0) return;
  for await (const value of readSpool(spoolPath)) index.place(rowText(value, mapping));
}

/** Writes each row to its side and returns the commitment to the held-out one. */
async function writeSides(
  { spoolPath, trainPath, heldoutPath, salt }: SplitInput,
  { heldoutRows }: Split,
): Promise<string> {
  const heldoutSet = new Set(heldoutRows);
  const commitment = beginCommitment(salt);
  const [train, heldout] = [openLines(trainPath), openLines(heldoutPath)];
  let row = 0;
  for await (const value of readSpool(spoolPath)) {
    const line = `${JSON.stringify(value)}\n`;
    const isHeldout = heldoutSet.has(row++);
    if (isHeldout) commitment.update(line);
    await (isHeldout ? heldout : train).write(line);
  }
  await Promise.all([train.close(), heldout.close()]);
  return commitment.digest("hex");
}

async function* readSpool(path: string): AsyncGenerator<RowValue> {
  const bytes = createReadStream(path, { highWaterMark: 256 * 1024 });
  for await (const read of readRows({ format: "jsonl", bytes }, { maxRowBytes: Number.POSITIVE_INFINITY })) {
    if ("error" in read) throw new Error(`The spool is damaged: ${read.error.message}`);
    yield read.value;
  }
}

function describeFileError({ message, fix, line }: DatasetFileError): string {
  return `The data set cannot be read${line === undefined ? "" : ` (line ${line})`}: ${message} ${fix}`;
}

function refused(code: "DATASET_INVALID", message: string): SplitOutput {
  return { kind: "refused", reason: jobFailure(code, message, true) };
}
