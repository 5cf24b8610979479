import { z } from "zod";
import { EVIDENCE_SCHEMA, type EvidenceBundle } from "../domain/evidence.ts";

const count = z.int().min(0);
const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const digest = z.object({ size: count, sha256: hex32 });
const file = digest.extend({ name: z.string() });
const reason = z.object({ code: z.string(), message: z.string(), isCustomerError: z.boolean() });
const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });
const scores = z.object({
  nll: z.array(z.number()),
  tokens: z.array(count),
  exactMatches: count,
  generatedRows: count,
});
const evaluation = z.object({
  evaluationId: z.string(),
  scores: digest,
  engineVersion: z.string(),
  device: z.string(),
});
const checks = z.object({
  loads: z.boolean(),
  finite: z.boolean(),
  changed: z.boolean(),
  safetensorsOnly: z.boolean(),
  updateNorm: z.number(),
  weightsSha256: z.string(),
});

const fault = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing_rows"), count, firstRow: count }),
  z.object({ kind: z.enum(["unknown_row", "repeated_row", "not_finite", "bad_tokens"]), row: z.int() }),
  z.object({ kind: z.literal("malformed_line"), line: count }),
  z.object({ kind: z.literal("no_tokens") }),
]);

const outcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("training_failed"), reason }),
  z.object({ kind: z.literal("evaluation_failed"), evaluationId: z.string(), reason }),
  z.object({ kind: z.literal("scored"), evaluation, checks, scores }),
  z.object({ kind: z.literal("unusable"), evaluation, checks, fault }),
]);

const ranked = z.union([
  z.object({ attemptId: z.string(), rank: z.literal(0), reason }),
  z.object({
    attemptId: z.string(),
    rank: z.int().min(1),
    loss: z.number(),
    gainOverBase: estimate,
    gainOverDefault: estimate.optional(),
    probabilityBest: z.number(),
    exactMatch: z.number(),
  }),
]);

const bundle = z.object({
  schema: z.literal(EVIDENCE_SCHEMA),
  jobId: z.string(),
  dataset: digest.extend({
    datasetId: z.string(),
    format: z.string(),
    columns: z.record(z.string(), z.string()),
  }),
  baseModel: z.object({ modelId: z.string(), files: z.array(file) }),
  split: z.object({
    salt: hex32,
    commitment: hex32,
    policy: z.object({
      heldoutShare: z.number(),
      heldoutRowsMin: count,
      heldoutRowsMax: count,
      trainRowsMin: count,
    }),
    train: digest.extend({ rows: count }),
    heldout: digest.extend({ rows: count }),
    droppedRows: z.record(z.string(), count),
  }),
  heldout: z.object({ rows: z.array(count).min(1), clusters: z.array(count) }),
  base: z.object({ evaluation, scores }),
  attempts: z.array(
    z.object({
      attemptId: z.string(),
      recipeId: z.string(),
      recipeTitle: z.string(),
      contestantHotkey: z.string(),
      isDefault: z.boolean(),
      finishedAt: count,
      artifact: z.array(file),
      outcome,
    }),
  ),
  rules: z.object({
    resamples: z.int().min(1).max(1_000_000),
    confidence: z.number(),
    practicalMinimum: z.number(),
    widened: z.boolean().optional(),
  }),
  verdict: z.object({
    ranking: z.array(ranked),
    winnerAttemptId: z.string().optional(),
    isTie: z.boolean(),
    baseLoss: z.number(),
    baseExactMatch: z.number(),
    tokens: count,
  }),
});

/** A bundle from outside. Throws an error that names what is wrong with its shape. */
export function parseEvidence(json: string): EvidenceBundle {
  const parsed = bundle.safeParse(JSON.parse(json));
  if (!parsed.success) throw new Error(`No evidence bundle: ${z.prettifyError(parsed.error)}`);
  return parsed.data as EvidenceBundle; // the schema differs in optional properties only, which may be undefined there
}
