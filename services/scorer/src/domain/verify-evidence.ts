import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";
import { type EvidenceBundle, verdictInput } from "./evidence.ts";
import { verifyCommitment } from "./split.ts";
import { judge } from "./verdict.ts";

export interface EvidenceCheck {
  readonly name: string;
  readonly passed: boolean;
}

/**
 * Checks a bundle against itself: the verdict is computed again from the per-example scores and compared to the last digit. With the bytes of
 * heldout.jsonl the published commitment, the digest and the row numbers are checked as well.
 */
export function verifyEvidence(bundle: EvidenceBundle, heldout?: Uint8Array): readonly EvidenceCheck[] {
  const recomputed = judge(verdictInput(bundle));
  const checks = [
    { name: "every held-out row has a cluster and a base score", passed: hasEqualLengths(bundle) },
    {
      name: "the verdict follows from the per-example scores",
      passed: canonicalJson(recomputed) === canonicalJson(bundle.verdict),
    },
  ];
  return heldout ? [...checks, ...heldoutChecks(bundle, heldout)] : checks;
}

function heldoutChecks(
  { split, heldout: { rows } }: EvidenceBundle,
  heldout: Uint8Array,
): readonly EvidenceCheck[] {
  const digest = createHash("sha256").update(heldout).digest("hex");
  return [
    { name: "the held-out rows have the recorded digest", passed: digest === split.heldout.sha256 },
    {
      name: "salt and held-out rows match the commitment published before the race",
      passed: verifyCommitment(split.commitment, Buffer.from(split.salt, "hex"), heldout),
    },
    {
      name: "the scores belong to these rows",
      passed: canonicalJson(rowNumbers(heldout)) === canonicalJson(rows),
    },
  ];
}

function hasEqualLengths({ heldout, split, base }: EvidenceBundle): boolean {
  const lengths = [
    heldout.clusters.length,
    split.heldout.rows,
    base.scores.nll.length,
    base.scores.tokens.length,
  ];
  return lengths.every((length) => length === heldout.rows.length);
}

function rowNumbers(heldout: Uint8Array): readonly unknown[] {
  const lines = Buffer.from(heldout).toString("utf8").split("\n").filter(Boolean);
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "row" in value ? value.row : undefined;
  });
}
