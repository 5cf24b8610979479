import { err, ok, type Result } from "@gradients/kernel";

/** One line of a scores object: what the evaluation engine measured on one held-out row. */
export interface ExampleScore {
  /** Row number in the customer's file. */
  readonly row: number;
  /** Negative log-likelihood summed over the row's answer tokens, in nats. */
  readonly nll: number;
  /** Answer tokens that were scored. */
  readonly tokens: number;
  /** Set for the rows for which an answer was generated. */
  readonly isExactMatch?: boolean;
}

/** Scores in the order of the held-out rows: position i of each array belongs to held-out row i. */
export interface AlignedScores {
  readonly nll: Float64Array;
  readonly tokens: Float64Array;
  readonly exactMatches: number;
  readonly generatedRows: number;
}

export type AlignmentFault =
  | { readonly kind: "missing_rows"; readonly count: number; readonly firstRow: number }
  | { readonly kind: "unknown_row" | "repeated_row" | "not_finite" | "bad_tokens"; readonly row: number }
  | { readonly kind: "malformed_line"; readonly line: number }
  | { readonly kind: "no_tokens" };

/**
 * Puts scores into the order of the held-out rows by their row numbers, never by their place in the file: a line too few or too many is a fault of this
 * artifact alone and shifts nobody's scores. Every held-out row has exactly one finite score.
 */
export function alignScores(
  heldoutRows: readonly number[],
  scores: Iterable<ExampleScore>,
): Result<AlignedScores, AlignmentFault> {
  const positions = new Map(heldoutRows.map((row, position) => [row, position]));
  const nll = new Float64Array(heldoutRows.length).fill(Number.NaN);
  const tokens = new Float64Array(heldoutRows.length);
  let exactMatches = 0;
  let generatedRows = 0;
  for (const score of scores) {
    const position = positions.get(score.row);
    if (position === undefined) return err({ kind: "unknown_row", row: score.row });
    if (!Number.isNaN(nll[position])) return err({ kind: "repeated_row", row: score.row });
    const fault = valueFault(score);
    if (fault) return err(fault);
    nll[position] = score.nll;
    tokens[position] = score.tokens;
    if (score.isExactMatch !== undefined) generatedRows++;
    if (score.isExactMatch) exactMatches++;
  }
  const missing = heldoutRows.filter((_, position) => Number.isNaN(nll[position]));
  const [firstRow] = missing;
  if (firstRow !== undefined) return err({ kind: "missing_rows", count: missing.length, firstRow });
  if (!tokens.some((count) => count > 0)) return err({ kind: "no_tokens" });
  return ok({ nll, tokens, exactMatches, generatedRows });
}

function valueFault({ row, nll, tokens }: ExampleScore): AlignmentFault | undefined {
  if (!Number.isFinite(nll)) return { kind: "not_finite", row };
  if (!Number.isSafeInteger(tokens) || tokens < 0) return { kind: "bad_tokens", row };
  return undefined;
}
