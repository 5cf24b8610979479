import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";
import { type EvidenceBundle, verdictInput } from "./evidence.ts";
import { verifyCommitment } from "./split.ts";
import { judge } from "./verdict.ts";

export interface EvidenceCheck {
  readonly name: string;
  readonly passed: boolean;
}

/** What was published elsewhere and has to fit. */
export interface Published {
  /** The bytes of heldout.jsonl. */
  readonly heldout?: Uint8Array | undefined;
  /** The commitment as it was told before the race: a bundle made up as a whole still agrees with itself. */
  readonly commitment?: string | undefined;
}

/**
 * Checks a bundle against itself: the verdict is computed again from the per-example scores and compared to the last digit. With the bytes of
 * heldout.jsonl the published commitment, the digest and the row numbers are checked as well.
 */
export function verifyEvidence(
  bundle: EvidenceBundle,
  { heldout, commitment }: Published = {},
): readonly EvidenceCheck[] {
  const isComplete = hasEqualLengths(bundle);
  return [
    { name: "every held-out row has a cluster and a score of each model", passed: isComplete },
    {
      name: "the verdict follows from the per-example scores",
      passed: isComplete && followsFromScores(bundle),
    },
    ...(commitment === undefined ? [] : [commitmentCheck(bundle, commitment)]),
    ...(heldout ? heldoutChecks(bundle, heldout) : []),
  ];
}

function followsFromScores(bundle: EvidenceBundle): boolean {
  return canonicalJson(judge(verdictInput(bundle))) === canonicalJson(bundle.verdict);
}

function commitmentCheck({ split }: EvidenceBundle, published: string): EvidenceCheck {
  return {
    name: "the bundle has the commitment that was published",
    passed: split.commitment === published.toLowerCase(),
  };
}

function heldoutChecks(
  { split, heldout: { rows } }: EvidenceBundle,
  heldout: Uint8Array,
): readonly EvidenceCheck[] {
  const digest = createHash("sha256").update(heldout).digest("hex");
  return [
    { name: "the held-out rows have the recorded digest", passed: digest === split.heldout.sha256 },
    {
      name: "salt and held-out rows match the commitment",
      passed: verifyCommitment(split.commitment, Buffer.from(split.salt, "hex"), heldout),
    },
    {
      name: "the scores belong to these rows",
      passed: canonicalJson(rowNumbers(heldout)) === canonicalJson(rows),
    },
  ];
}

function hasEqualLengths({ heldout, split, base, attempts }: EvidenceBundle): boolean {
  const scored = attempts.flatMap(({ outcome }) => (outcome.kind === "scored" ? [outcome.scores] : []));
  const lengths = [
    heldout.clusters.length,
    split.heldout.rows,
    ...[base.scores, ...scored].flatMap(({ nll, tokens }) => [nll.length, tokens.length]),
  ];
  return lengths.every((length) => length === heldout.rows.length);
}

function rowNumbers(heldout: Uint8Array): readonly unknown[] {
  const lines = Buffer.from(heldout).toString("utf8").split("\n").filter(Boolean);
  return lines.map(rowNumber);
}

function rowNumber(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "row" in value ? value.row : null;
  } catch {
    return null; // no row at all: the digest does not fit either
  }
}
