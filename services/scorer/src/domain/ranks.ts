import {
  holmAdjusted,
  lossOf,
  probabilitiesBest,
  pValueAgainst,
  type Resamples,
  relativeGain,
  type ScoreTable,
} from "./confidence.ts";

export interface VerdictRules {
  readonly resamples: number;
  /** Probability that a sole winner needs. */
  readonly confidence: number;
  /** Smallest gap in relative loss that counts: below it nobody would notice the difference. */
  readonly practicalMinimum: number;
  /** Resamples are spread by the small-sample factor. Absent in evidence from before there was one. */
  readonly widened?: boolean | undefined;
}

export const VERDICT_RULES: VerdictRules = {
  resamples: 10_000,
  confidence: 0.985,
  practicalMinimum: 0.002,
  widened: true,
};

export interface Ranks {
  /** Models from the lowest loss to the highest; exactly equal losses stay in the order given. */
  readonly order: readonly number[];
  /** Rank by model: 1 is best, a tie shares the rank of its first. */
  readonly rankOf: ReadonlyMap<number, number>;
  readonly probabilityBest: ReadonlyMap<number, number>;
  /** True when several models share rank 1. */
  readonly isTie: boolean;
}

/**
 * Ranks models by token-weighted loss with shared ranks where the held-out rows cannot tell them apart.
 *
 * A sole winner needs P(best) >= 0.985 and a gap of 0.2 % to the next. P(best) is already a statement about all rivals at once, so it needs no correction for
 * their number; but of two that are truly equal either may seem the better one, and rows with heavy tails make resamples too sure: at 0.985 a wrong sole winner is
 * named in at most 3.8 % of simulated races of any size (`npm run bench -- verdicts`), at 0.95 in one of ten between equals. Otherwise rank 1 is shared with every
 * rival that is not clearly worse (clearly: gap above 0.2 % and Holm-adjusted one-sided p <= 0.015), and with all whose loss lies between. Each further rank is
 * formed the same way by the best of those that are left.
 */
export function rankModels(
  table: ScoreTable,
  resamples: Resamples,
  models: readonly number[],
  rules: VerdictRules,
): Ranks {
  const order = [...models].sort((a, b) => lossOf(table, a) - lossOf(table, b));
  const best = probabilitiesBest(resamples, order);
  const probabilityBest = new Map(order.map((model, index) => [model, best[index] ?? 0]));
  const rankOf = new Map<number, number>();
  let rest: readonly number[] = order;
  while (rest.length > 0) {
    const rank = order.length - rest.length + 1;
    const isDecided = rank === 1 && isSoleWinner(table, order, best[0] ?? 0, rules);
    const tied = isDecided ? rest.slice(0, 1) : tiedWithFirst(table, resamples, rest, rules, rank === 1);
    for (const model of tied) rankOf.set(model, rank);
    rest = rest.filter((model) => !tied.includes(model));
  }
  return {
    order,
    rankOf,
    probabilityBest,
    isTie: [...rankOf.values()].filter((rank) => rank === 1).length > 1,
  };
}

function isSoleWinner(
  table: ScoreTable,
  order: readonly number[],
  probability: number,
  rules: VerdictRules,
): boolean {
  const [first, second] = order;
  if (first === undefined || second === undefined) return true;
  return (
    probability >= rules.confidence &&
    relativeGain(lossOf(table, second), lossOf(table, first)) > rules.practicalMinimum
  );
}

/** The first of the models and those that cannot be told from it. `atLeastTwo`: P(best) found no winner, so the next shares in any case. */
function tiedWithFirst(
  table: ScoreTable,
  resamples: Resamples,
  order: readonly number[],
  rules: VerdictRules,
  atLeastTwo: boolean,
): readonly number[] {
  const [first, ...rivals] = order;
  if (first === undefined) return [];
  const pValues = holmAdjusted(rivals.map((rival) => pValueAgainst(resamples, first, rival)));
  const lastTied = rivals.findLastIndex((rival, index) => {
    const gap = relativeGain(lossOf(table, rival), lossOf(table, first));
    return gap <= rules.practicalMinimum || (pValues[index] ?? 1) > 1 - rules.confidence;
  });
  return order.slice(0, Math.max(lastTied + 2, atLeastTwo ? 2 : 1));
}
