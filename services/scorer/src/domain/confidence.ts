import { Rng } from "@gradients/kernel";

/** A value with its 95 % confidence interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Per-example scores of several models on the same rows in the same order. */
export interface ScoreTable {
  /** Scored tokens of each row; the same for every model. */
  readonly tokens: Float64Array;
  /** Cluster of each row, numbered from 0 without gaps. Rows of one cluster are near-duplicates and are drawn together. */
  readonly clusters: readonly number[];
  /** For each model the summed negative log-likelihood of each row, in nats. */
  readonly nll: readonly Float64Array[];
}

/** Losses of each model over the resamples: `losses[model][resample]`, in nats per token. */
export interface Resamples {
  readonly losses: readonly Float64Array[];
}

/**
 * Token-weighted loss: sum of NLL over sum of tokens, in nats per token. A mean of per-example or per-batch means is another quantity, which moves
 * with batch size and row length.
 */
export function tokenWeightedLoss(nll: Float64Array, tokens: Float64Array): number {
  return sum(nll) / sum(tokens);
}

/** (reference - loss) / reference: 0.1 means one tenth of the reference's loss is gone. */
export function relativeGain(reference: number, loss: number): number {
  return reference > 0 ? (reference - loss) / reference : 0;
}

/**
 * Paired cluster bootstrap of token-weighted losses (Efron and Tibshirani 1993, chapters 6 and 13; why pairs and clusters: Miller, "Adding Error Bars to
 * Evals", arXiv 2411.00640, sections 2.2 and 4.2). With C clusters, each resample b draws C clusters with replacement, the same ones for
 * every model m, and forms the ratio estimator
 *
 *     loss_m(b) = sum over drawn c of NLL[m][c]  /  sum over drawn c of tokens[c]
 *
 * so numerator and denominator vary together, as they do when other rows had been held out. Equal seed and table: equal resamples on every machine.
 *
 * Few clusters, or a few that hold most of the tokens, show less spread than there is: with `widened` every resample stands further from the observed
 * loss by `smallSampleFactor`.
 */
export function resampleLosses(
  table: ScoreTable,
  resamples: number,
  seed: string,
  widened = false,
): Resamples {
  const { losses } = drawLosses(table, resamples, seed);
  if (!widened) return { losses };
  const factor = smallSampleFactor(table);
  return {
    losses: losses.map((values, model) => {
      const observed = lossOf(table, model);
      return values.map((loss) => observed + factor * (loss - observed));
    }),
  };
}

/**
 * What a bootstrap's deviations are short of, for n independent clusters: sqrt(n / (n - 1)), because they are taken about the sample's own mean, times the
 * ratio of Student's to the normal 97.5 % quantile (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, section 4.1.3). Clusters of unequal
 * tokens count as n = (sum of tokens)^2 / (sum of tokens^2), Kish's effective size; at least 3.
 */
export function smallSampleFactor(table: ScoreTable): number {
  const { tokens } = clusterSums(table);
  const squares = tokens.reduce((total, count) => total + count * count, 0);
  const total = sum(tokens);
  const size = Math.max(3, (total * total) / squares);
  return Math.sqrt(size / (size - 1)) * (studentQuantile(size - 1) / NORMAL_QUANTILE);
}

const NORMAL_QUANTILE = 1.959963984540054;

/**
 * 97.5 % quantile of Student's t by Fisher's expansion in 1 / degrees of freedom (Abramowitz and Stegun 26.7.5), within 1 % from two on. The coefficients are
 * numbers and not powers of the normal quantile, because powers may differ in the last bit between machines.
 */
function studentQuantile(freedom: number): number {
  const terms = [
    NORMAL_QUANTILE,
    2.372271230298562,
    2.8224986157396112,
    2.555849679507722,
    1.5895340533938225,
  ];
  return terms.reduceRight((total, term) => total / freedom + term, 0);
}

function drawLosses(table: ScoreTable, resamples: number, seed: string): Resamples {
  const { tokens, nll, clusters } = clusterSums(table);
  const models = table.nll.length;
  const losses = table.nll.map(() => new Float64Array(resamples));
  const rng = new Rng(`gradients.bootstrap/v1:${seed}`);
  const sums = new Float64Array(models);
  for (let resample = 0; resample < resamples; resample++) {
    let drawnTokens = 0;
    sums.fill(0);
    for (let draw = 0; draw < clusters; draw++) {
      const cluster = rng.int(clusters);
      drawnTokens += at(tokens, cluster);
      for (let model = 0; model < models; model++)
        sums[model] = at(sums, model) + at(nll, cluster * models + model);
    }
    for (const [model, column] of losses.entries()) column[resample] = at(sums, model) / drawnTokens;
  }
  return { losses };
}

/** Relative gain of a model over a reference, with the 95 % percentile interval over paired resamples. */
export function estimateGain(
  table: ScoreTable,
  { losses }: Resamples,
  reference: number,
  model: number,
): Estimate {
  const [referenceLosses, modelLosses] = [column(losses, reference), column(losses, model)];
  const gains = modelLosses.map((loss, resample) => relativeGain(at(referenceLosses, resample), loss)).sort();
  return {
    value: relativeGain(lossOf(table, reference), lossOf(table, model)),
    low: quantile(gains, 0.025),
    high: quantile(gains, 0.975),
  };
}

/** For each of the given models the share of resamples in which it has the lowest loss; models that are exactly level share one. */
export function probabilitiesBest({ losses }: Resamples, models: readonly number[]): readonly number[] {
  const columns = models.map((model) => column(losses, model));
  const resamples = columns[0]?.length ?? 0;
  const wins = new Float64Array(models.length);
  for (let resample = 0; resample < resamples; resample++) {
    const lowest = columns.reduce(
      (least, values) => Math.min(least, at(values, resample)),
      Number.POSITIVE_INFINITY,
    );
    const winners = columns.flatMap((values, index) => (values[resample] === lowest ? [index] : []));
    for (const winner of winners) wins[winner] = at(wins, winner) + 1 / winners.length;
  }
  return Array.from(wins, (count) => count / resamples);
}

/**
 * One-sided bootstrap p-value of "the rival is at least as good as the leader": (1 + resamples in which it is) / (1 + resamples), never zero
 * (Davison and Hinkley 1997, section 4.2.3).
 */
export function pValueAgainst({ losses }: Resamples, leader: number, rival: number): number {
  const [leaderLosses, rivalLosses] = [column(losses, leader), column(losses, rival)];
  const asGood = rivalLosses.reduce(
    (count, loss, resample) => count + (loss <= at(leaderLosses, resample) ? 1 : 0),
    0,
  );
  return (1 + asGood) / (1 + rivalLosses.length);
}

/** Holm's step-down adjustment (1979): the chance of any false rejection among all of them stays below the level that adjusted values are compared with. */
export function holmAdjusted(pValues: readonly number[]): readonly number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] ?? 1) - (pValues[b] ?? 1));
  const adjusted = pValues.map(() => 1);
  let running = 0;
  for (const [step, index] of order.entries()) {
    running = Math.max(running, Math.min(1, (pValues.length - step) * (pValues[index] ?? 1)));
    adjusted[index] = running;
  }
  return adjusted;
}

export function lossOf(table: ScoreTable, model: number): number {
  return tokenWeightedLoss(column(table.nll, model), table.tokens);
}

/** Sums per cluster; `nll` holds all models of a cluster side by side, as the resampling reads them. */
function clusterSums(table: ScoreTable): {
  readonly tokens: Float64Array;
  readonly nll: Float64Array;
  readonly clusters: number;
} {
  const models = table.nll.length;
  const clusters = table.clusters.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
  const tokens = new Float64Array(clusters);
  const nll = new Float64Array(clusters * models);
  for (const [row, cluster] of table.clusters.entries()) {
    tokens[cluster] = at(tokens, cluster) + at(table.tokens, row);
    for (const [model, values] of table.nll.entries()) {
      const cell = cluster * models + model;
      nll[cell] = at(nll, cell) + at(values, row);
    }
  }
  return { tokens, nll, clusters };
}

/** Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996). */
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const [low, high] = [at(sorted, below), at(sorted, Math.min(below + 1, sorted.length - 1))];
  return low + (high - low) * (position - below);
}

function column(columns: readonly Float64Array[], index: number): Float64Array {
  const found = columns[index];
  if (!found) throw new RangeError(`There is no model ${index}`);
  return found;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Typed arrays hold a number at every index that the loops above form. */
function at(values: Float64Array, index: number): number {
  return values[index] as number;
}
