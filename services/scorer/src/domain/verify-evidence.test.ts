import { createHash } from "node:crypto";
import { Rng } from "@gradients/kernel";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";
import { EVIDENCE_SCHEMA, type EvidenceBundle, verdictInput } from "./evidence.ts";
import { beginCommitment } from "./split.ts";
import { judge } from "./verdict.ts";
import { verifyEvidence } from "./verify-evidence.ts";

const rows = Array.from({ length: 40 }, (_, index) => index * 2 + 1);
const heldout = Buffer.from(rows.map((row) => `${JSON.stringify({ question: `q${row}`, row })}\n`).join(""));
const salt = "5a".repeat(32);

describe("verifyEvidence", () => {
  it("passes an honest bundle, also after a trip through JSON", () => {
    const bundle = makeBundle();
    const again = JSON.parse(canonicalJson(bundle)) as EvidenceBundle;
    expect(failedChecks(again, heldout)).toEqual([]);
    expect(canonicalJson(again)).toBe(canonicalJson(bundle));
  });

  it("finds a verdict that does not follow from the scores", () => {
    const bundle = makeBundle();
    const verdict = { ...bundle.verdict, winnerAttemptId: "b" };
    expect(failedChecks({ ...bundle, verdict })).toEqual(["the verdict follows from the per-example scores"]);
  });

  it("finds one changed score", () => {
    const bundle = makeBundle();
    const nll = bundle.base.scores.nll.map((value, index) => (index === 7 ? value + 1e-9 : value));
    const base = { ...bundle.base, scores: { ...bundle.base.scores, nll } };
    expect(failedChecks({ ...bundle, base })).toEqual(["the verdict follows from the per-example scores"]);
  });

  it("finds another salt: it neither opens the commitment nor seeds the same verdict", () => {
    const bundle = makeBundle();
    const split = { ...bundle.split, salt: "5b".repeat(32) };
    expect(failedChecks({ ...bundle, split }, heldout)).toContain(
      "salt and held-out rows match the commitment",
    );
  });

  it("finds other held-out rows", () => {
    const other = Buffer.from(heldout.toString().replace("q3", "q4"));
    expect(failedChecks(makeBundle(), other)).toEqual([
      "the held-out rows have the recorded digest",
      "salt and held-out rows match the commitment",
    ]);
  });

  it("finds a bundle made up as a whole: it agrees with itself, but not with what was published", () => {
    const published = makeBundle().split.commitment;
    const rowsShown = Buffer.from(heldout.toString().replaceAll("q", "easy"));
    const forged = makeBundle(rowsShown);
    expect(failedChecks(forged, rowsShown)).toEqual([]);
    expect(failedChecks(forged, rowsShown, published)).toEqual([
      "the bundle has the commitment that was published",
    ]);
  });

  it("finds scores left out, and rows that are none", () => {
    const bundle = makeBundle();
    const [first, ...others] = bundle.attempts;
    const scores = { nll: [1], tokens: [10], exactMatches: 0, generatedRows: 0 };
    const cut = { ...first!, outcome: { ...first!.outcome, scores } } as typeof first;
    expect(failedChecks({ ...bundle, attempts: [cut!, ...others] })).toEqual([
      "every held-out row has a cluster and a score of each model",
      "the verdict follows from the per-example scores",
    ]);
    expect(failedChecks(bundle, Buffer.from("no rows"))).toHaveLength(3);
  });

  it("finds scores of other rows", () => {
    const bundle = makeBundle();
    const shifted = { ...bundle.heldout, rows: rows.map((row) => row + 1) };
    expect(failedChecks({ ...bundle, heldout: shifted }, heldout)).toContain(
      "the scores belong to these rows",
    );
  });
});

describe("canonicalJson", () => {
  it("sorts keys at every depth, leaves out undefined and refuses what JSON cannot hold", () => {
    expect(canonicalJson({ b: [{ z: 1, a: undefined }], a: "é" })).toBe('{"a":"é","b":[{"z":1}]}');
    expect(() => canonicalJson({ a: Number.NaN })).toThrow("NaN");
  });
});

function failedChecks(bundle: EvidenceBundle, bytes?: Uint8Array, published?: string): string[] {
  return verifyEvidence(bundle, { heldout: bytes, commitment: published }).flatMap(({ name, passed }) =>
    passed ? [] : [name],
  );
}

function makeBundle(shown = heldout): EvidenceBundle {
  const digest = { size: 1, sha256: "00".repeat(32) };
  const checks = {
    loads: true,
    finite: true,
    changed: true,
    safetensorsOnly: true,
    updateNorm: 1,
    weightsSha256: "",
  };
  const evaluation = { evaluationId: "e", scores: digest, engineVersion: "1", device: "cpu" };
  const attempt = (attemptId: string, factor: number) => ({
    attemptId,
    recipeId: "r",
    recipeTitle: "R",
    contestantHotkey: "5",
    isDefault: attemptId === "b",
    finishedAt: 1,
    artifact: [],
    outcome: { kind: "scored" as const, evaluation, checks, scores: makeScores(factor, attemptId) },
  });
  const evidence = {
    schema: EVIDENCE_SCHEMA,
    jobId: "j",
    dataset: {
      ...digest,
      datasetId: "d",
      format: "jsonl",
      columns: { instruction: "question", output: "answer" },
    },
    baseModel: { modelId: "m", files: [] },
    split: {
      salt,
      commitment: beginCommitment(Buffer.from(salt, "hex")).update(shown).digest("hex"),
      policy: { heldoutShare: 0.1, heldoutRowsMin: 32, heldoutRowsMax: 400, trainRowsMin: 32 },
      train: { ...digest, rows: 100 },
      heldout: {
        size: shown.length,
        sha256: createHash("sha256").update(shown).digest("hex"),
        rows: rows.length,
      },
      droppedRows: {},
    },
    heldout: { rows, clusters: rows.map((_, index) => index) },
    base: { evaluation, scores: makeScores(1, "base") },
    attempts: [attempt("a", 0.5), attempt("b", 0.8)],
    rules: { resamples: 300, confidence: 0.95, practicalMinimum: 0.002 },
  } as const;
  return { ...evidence, verdict: judge(verdictInput(evidence)) };
}

function makeScores(factor: number, seed: string) {
  const rng = new Rng(seed);
  const nll = rows.map(() => 30 * factor * (0.9 + 0.2 * rng.float()));
  return { nll, tokens: rows.map(() => 10), exactMatches: 0, generatedRows: 0 };
}
