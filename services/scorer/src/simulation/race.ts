import { ok, Rng } from "@gradients/kernel";
import type { AlignedScores } from "../domain/align-scores.ts";
import type { VerdictRules } from "../domain/ranks.ts";
import type { VerdictInput } from "../domain/verdict.ts";

export interface RaceShape {
  /** Held-out rows, at least. A last cluster is never cut. */
  readonly rows: number;
  readonly contestants: number;
  /** True relative gap in loss between the best contestant and each of the others. */
  readonly gap: number;
}

export interface SimulatedRace {
  readonly input: VerdictInput;
  /** Attempt ids with the lowest true loss; all of them when the gap is zero. */
  readonly best: ReadonlySet<string>;
  /** True relative gain over the base model by attempt id. */
  readonly gains: ReadonlyMap<string, number>;
}

/**
 * Per-row scores of contestants whose true gains are known. A row's tokens and base loss are log-normal; each contestant's loss is
 * the base's times (1 - gain) times noise of mean 1 that is independent of both, so that the expected ratio is (1 - gain) exactly. The noise has a
 * part shared by a cluster and one for the row, and in one row of ten it is six times wider: a few rows then carry most of the difference.
 */
export function simulateRace(shape: RaceShape, rules: VerdictRules, seed: string): SimulatedRace {
  const rng = new Rng(seed);
  const clusters = drawClusters(shape.rows, rng);
  const tokens = Float64Array.from(clusters, () =>
    Math.max(1, Math.round(30 * Math.exp(0.8 * gaussian(rng)))),
  );
  const difficulty = perCluster(clusters, () => logNormal(0.3, rng));
  const base = tokens.map((count, row) => count * 2 * (difficulty[row] ?? 1) * logNormal(0.3, rng));
  const favourite = rng.int(shape.contestants);
  const ids = Array.from({ length: shape.contestants }, (_, index) => `attempt ${index}`);
  const gains = new Map(ids.map((id, index) => [id, index === favourite ? BEST_GAIN : rivalGain(shape.gap)]));
  const entries = ids.map((attemptId, index) => {
    const scores = aligned(tokens, noisy(base, 1 - (gains.get(attemptId) ?? 0), clusters, rng));
    const checks = { ...SOUND, weightsSha256: attemptId };
    const outcome = { kind: "scored" as const, checks, scores: ok(scores) };
    return { attemptId, isDefault: false, finishedAt: index, outcome };
  });
  return {
    input: {
      heldoutRows: clusters.map((_, row) => row),
      clusters,
      base: aligned(tokens, base),
      entries,
      rules,
      seed,
    },
    best: new Set(shape.gap === 0 ? ids : ids.slice(favourite, favourite + 1)),
    gains,
  };
}

const BEST_GAIN = 0.3;

/** So that the best one's loss is lower than the rival's by `gap` of the rival's. */
function rivalGain(gap: number): number {
  return 1 - (1 - BEST_GAIN) / (1 - gap);
}

const SOUND = { loads: true, finite: true, changed: true, updateNorm: 1, safetensorsOnly: true };

/** Clusters of 1, 2, 3, ... rows, half as many of each further size: 2 on average. */
function drawClusters(rows: number, rng: Rng): number[] {
  const clusters: number[] = [];
  for (let cluster = 0; clusters.length < rows; cluster++) {
    do clusters.push(cluster);
    while (rng.float() < 0.5);
  }
  return clusters;
}

const NOISE = { cluster: 0.1, row: 0.1, wideShare: 0.1, wider: 6 } as const;

function noisy(base: Float64Array, factor: number, clusters: readonly number[], rng: Rng): Float64Array {
  const shared = perCluster(clusters, () => heavyTailed(NOISE.cluster, rng));
  return base.map((nll, row) => nll * factor * (shared[row] ?? 1) * heavyTailed(NOISE.row, rng));
}

function heavyTailed(spread: number, rng: Rng): number {
  return logNormal(rng.float() < NOISE.wideShare ? spread * NOISE.wider : spread, rng);
}

/** Of mean 1. */
function logNormal(spread: number, rng: Rng): number {
  return Math.exp(spread * gaussian(rng) - spread ** 2 / 2);
}

function perCluster(clusters: readonly number[], draw: () => number): number[] {
  const drawn = new Map<number, number>();
  return clusters.map((cluster) => {
    const value = drawn.get(cluster) ?? draw();
    drawn.set(cluster, value);
    return value;
  });
}

function aligned(tokens: Float64Array, nll: Float64Array): AlignedScores {
  return { tokens, nll, exactMatches: 0, generatedRows: 0 };
}

function gaussian(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
}
