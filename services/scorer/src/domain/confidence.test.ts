import { Rng } from "@gradients/kernel";
import { describe, expect, it } from "vitest";
import {
  estimateGain,
  holmAdjusted,
  probabilitiesBest,
  pValueAgainst,
  relativeGain,
  resampleLosses,
  type ScoreTable,
  smallSampleFactor,
  tokenWeightedLoss,
} from "./confidence.ts";

/** Three models on seven rows in four clusters of unequal size. */
const small: ScoreTable = {
  tokens: Float64Array.of(10, 2, 30, 4, 5, 16, 7),
  clusters: [0, 0, 1, 2, 2, 2, 3],
  nll: [
    Float64Array.of(30, 7, 80, 14, 12, 50, 22),
    Float64Array.of(12, 3, 41, 5, 8, 20, 9),
    Float64Array.of(13, 3, 40, 6, 7, 22, 9),
  ],
};

describe("tokenWeightedLoss", () => {
  it("weighs by tokens, unlike a mean of means", () => {
    expect(tokenWeightedLoss(Float64Array.of(1, 90), Float64Array.of(1, 30))).toBeCloseTo(91 / 31, 12);
  });
});

describe("the bootstrap", () => {
  it("agrees with a slow and obvious one", () => {
    const resamples = resampleLosses(small, 500, "seed");
    const reference = obviousBootstrap(small, 500, "seed");
    for (const [model, losses] of reference.entries()) {
      for (const [index, loss] of losses.entries())
        expect(resamples.losses[model]?.[index]).toBeCloseTo(loss, 12);
    }
  });

  it("keeps its golden numbers", () => {
    const resamples = resampleLosses(small, 10_000, "00".repeat(32));
    expect(estimateGain(small, resamples, 0, 1)).toEqual({
      value: expect.closeTo(0.5441860465116279, 14),
      low: expect.closeTo(GOLDEN.low, 12),
      high: expect.closeTo(GOLDEN.high, 12),
    });
    expect(probabilitiesBest(resamples, [1, 2])).toEqual([
      expect.closeTo(GOLDEN.best, 12),
      expect.closeTo(1 - GOLDEN.best, 12),
    ]);
  });

  it("finds the standard error that theory gives for a ratio of independent clusters", () => {
    const table = simulate(new Rng("theory"), { rows: 400, gains: [0.2], rowSd: 0.3 });
    const { losses } = resampleLosses(table, 4_000, "se");
    expect(standardDeviation(losses[1] ?? new Float64Array())).toBeCloseTo(ratioStandardError(table, 1), 2);
  });

  it("is wider when rows of a cluster go together", () => {
    const rng = new Rng("clusters");
    const perCluster = Array.from({ length: 40 }, () => 1 + 0.5 * gaussian(rng));
    const nll = Float64Array.from({ length: 400 }, (_, row) => 20 * (perCluster[row % 40] ?? 1));
    const table = { tokens: new Float64Array(400).fill(20), nll: [nll] };
    const clustered = resampleLosses(
      { ...table, clusters: Array.from(nll, (_, row) => row % 40) },
      2_000,
      "w",
    );
    const naive = resampleLosses({ ...table, clusters: Array.from(nll, (_, row) => row) }, 2_000, "w");
    const spread = ({ losses }: typeof naive) => standardDeviation(losses[0] ?? new Float64Array());
    expect(spread(clustered) / spread(naive)).toBeGreaterThan(2.5);
  });

  it("is spread by what few clusters hide, as Student's t asks for, and hardly at all for many", () => {
    const even = (rows: number): ScoreTable => ({
      tokens: new Float64Array(rows).fill(20),
      clusters: Array.from({ length: rows }, (_, row) => row),
      nll: [Float64Array.from({ length: rows }, (_, row) => 20 + (row % 3))],
    });
    expect(smallSampleFactor(even(15))).toBeCloseTo(Math.sqrt(15 / 14) * (2.144787 / 1.959964), 5);
    expect(smallSampleFactor(even(4))).toBeCloseTo(Math.sqrt(4 / 3) * (3.182446 / 1.959964), 2);
    expect(smallSampleFactor(even(400))).toBeCloseTo(1, 2);
    const lopsided = {
      ...even(100),
      tokens: Float64Array.from({ length: 100 }, (_, row) => (row < 5 ? 2_000 : 1)),
    };
    expect(smallSampleFactor(lopsided)).toBeGreaterThan(smallSampleFactor(even(6)));

    const table = even(15);
    const [plain, widened] = [false, true].map(
      (isWidened) => resampleLosses(table, 50, "w", isWidened).losses[0],
    );
    const observed = tokenWeightedLoss(table.nll[0] ?? new Float64Array(), table.tokens);
    plain?.forEach((loss, index) => {
      expect((widened?.[index] ?? 0) - observed).toBeCloseTo(
        smallSampleFactor(table) * (loss - observed),
        12,
      );
    });
  });

  it("takes well under a second for 10,000 resamples of 400 rows and 4 models", () => {
    const table = simulate(new Rng("speed"), { rows: 400, gains: [0.1, 0.2, 0.3], rowSd: 0.1 });
    const start = performance.now();
    resampleLosses(table, 10_000, "speed");
    expect(performance.now() - start).toBeLessThan(5_000); // a guard against a wrong order of growth, not a benchmark
  });
});

describe("gains and comparisons", () => {
  const resamples = resampleLosses(small, 2_000, "x");

  it("puts the value inside its interval and calls a smaller loss a gain", () => {
    const gain = estimateGain(small, resamples, 0, 1);
    expect(gain.low).toBeLessThan(gain.value);
    expect(gain.high).toBeGreaterThan(gain.value);
    expect(relativeGain(2, 1)).toBe(0.5);
    expect(relativeGain(1, 2)).toBe(-1);
  });

  it("shares the probability between models that are exactly level", () => {
    const level: ScoreTable = {
      ...small,
      nll: [small.nll[1] ?? new Float64Array(), small.nll[1] ?? new Float64Array()],
    };
    expect(probabilitiesBest(resampleLosses(level, 100, "x"), [0, 1])).toEqual([0.5, 0.5]);
  });

  it("never gives a p-value of zero", () => {
    expect(pValueAgainst(resamples, 1, 0)).toBe(1 / 2_001);
  });

  it("adjusts p-values by Holm's step-down", () => {
    expect(holmAdjusted([0.01, 0.04, 0.03, 0.005])).toEqual(
      [0.03, 0.06, 0.06, 0.02].map((p) => expect.closeTo(p, 12)),
    );
    expect(holmAdjusted([0.9, 0.8])).toEqual([1, 1]);
  });
});

/** From a separate program in another language. Old evidence must verify for ever, so these never change. */
const GOLDEN = { low: 0.5018050541516246, high: 0.5932203389830508, best: 0.80105 };

/** Draws clusters, gathers their rows in lists and divides sums: nothing is precomputed. */
function obviousBootstrap(table: ScoreTable, resamples: number, seed: string): number[][] {
  const rng = new Rng(`gradients.bootstrap/v1:${seed}`);
  const names = [...new Set(table.clusters)].sort((a, b) => a - b);
  const losses: number[][] = table.nll.map(() => []);
  for (let resample = 0; resample < resamples; resample++) {
    const drawn = names.map(() => names[rng.int(names.length)]);
    const rows = drawn.flatMap((name) =>
      table.clusters.flatMap((cluster, row) => (cluster === name ? [row] : [])),
    );
    const tokens = rows.reduce((total, row) => total + (table.tokens[row] ?? 0), 0);
    for (const [model, nll] of table.nll.entries()) {
      losses[model]?.push(rows.reduce((total, row) => total + (nll[row] ?? 0), 0) / tokens);
    }
  }
  return losses;
}

/** Delta method: the variance of a ratio of means of independent pairs. */
function ratioStandardError(table: ScoreTable, model: number): number {
  const nll = table.nll[model] ?? new Float64Array();
  const ratio = tokenWeightedLoss(nll, table.tokens);
  const residuals = nll.map((value, row) => value - ratio * (table.tokens[row] ?? 0));
  const tokens = table.tokens.reduce((total, count) => total + count, 0);
  return (standardDeviation(residuals) * Math.sqrt(residuals.length)) / tokens;
}

function simulate(
  rng: Rng,
  { rows, gains, rowSd }: { rows: number; gains: readonly number[]; rowSd: number },
): ScoreTable {
  const tokens = Float64Array.from({ length: rows }, () => 5 + rng.int(60));
  const base = tokens.map((count) => count * (3 + 0.5 * gaussian(rng)));
  const models = gains.map((gain) => base.map((nll) => nll * (1 - gain) * (1 + rowSd * gaussian(rng))));
  return { tokens, clusters: Array.from(tokens, (_, row) => row), nll: [base, ...models] };
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  return Math.sqrt(values.reduce((total, value) => total + (value - mean) ** 2, 0) / (values.length - 1));
}

function gaussian(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
}
