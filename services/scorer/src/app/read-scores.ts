import type { StoredObject } from "@gradients/contracts/stored-object";
import { DatasetFileError, readRows } from "@gradients/dataset";
import { err, type Result } from "@gradients/kernel";
import type { ObjectStore } from "@gradients/objects";
import { z } from "zod";
import {
  type AlignedScores,
  type AlignmentFault,
  alignScores,
  type ExampleScore,
} from "../domain/align-scores.ts";
import type { GeneratedAnswer } from "../domain/samples.ts";

export interface ReadScores {
  readonly scores: Result<AlignedScores, AlignmentFault>;
  /** By row number. */
  readonly answers: ReadonlyMap<number, GeneratedAnswer>;
}

/** As the engine writes it, one object per line. */
const lineSchema = z.object({
  row: z.int(),
  nll_sum: z.number(),
  tokens: z.int(),
  prompt: z.string().optional(),
  reference: z.string().optional(),
  generated: z.string().optional(),
  exact_match: z.boolean().optional(),
});

/**
 * Reads a scores object to its end, so that its digest is checked before anything in it is believed, and aligns it with the held-out rows. Throws DigestMismatch and
 * ObjectNotFound; what is wrong with the scores themselves is a value.
 */
export async function readScores(
  objects: ObjectStore,
  { key, size, sha256 }: StoredObject,
  heldoutRows: readonly number[],
  signal: AbortSignal,
): Promise<ReadScores> {
  const examples: ExampleScore[] = [];
  const answers = new Map<number, GeneratedAnswer>();
  let fault: AlignmentFault | undefined;
  const bytes = objects.get({ key, size: BigInt(size), sha256 }, signal);
  for await (const read of readLines(bytes)) {
    const line = "value" in read ? lineSchema.safeParse(read.value) : undefined;
    if (!line?.success) {
      fault ??= { kind: "malformed_line", line: read.row };
      continue;
    }
    const {
      row,
      nll_sum: nll,
      tokens,
      exact_match: isExactMatch,
      prompt = "",
      reference = "",
      generated,
    } = line.data;
    // One more than all rows is enough to be refused, and no object can fill the memory.
    if (examples.length <= heldoutRows.length)
      examples.push({ row, nll, tokens, ...(isExactMatch !== undefined && { isExactMatch }) });
    if (generated !== undefined && answers.size < heldoutRows.length)
      answers.set(row, { prompt, reference, generated });
  }
  return { scores: fault ? err(fault) : alignScores(heldoutRows, examples), answers };
}

/** An object without a line is an alignment fault like any other missing row, not a fault of reading. */
async function* readLines(bytes: AsyncIterable<Uint8Array>) {
  try {
    yield* readRows({ format: "jsonl", bytes });
  } catch (error) {
    if (!(error instanceof DatasetFileError)) throw error;
    if (error.rule !== "EMPTY_FILE") yield { row: 1, error };
  }
}
