/** What Yuma consensus reads for one mechanism of a subnet; every array is indexed by uid. */
export interface YumaInput {
  readonly block: number;
  readonly tempo: number;
  readonly activityCutoff: number;
  readonly kappa: number;
  /** Share of the new bonds in the moving average: 1 - BondsMovingAverage / 10^6. */
  readonly bondsAlpha: number;
  readonly ownerUid: number | undefined;
  readonly stakes: readonly number[];
  readonly stakeThreshold: number;
  readonly maxValidators: number;
  readonly permits: readonly boolean[];
  readonly lastUpdate: readonly number[];
  readonly registeredAt: readonly number[];
  /** Sparse rows of (uid, u16). */
  readonly weights: readonly Row[];
  readonly bonds: readonly Row[];
}

export interface YumaOutput {
  /** Shares of the whole emission: `serverShare` and `validatorShare` sum to 1 together. */
  readonly serverShare: readonly number[];
  readonly validatorShare: readonly number[];
  readonly incentive: readonly number[];
  readonly dividends: readonly number[];
  readonly consensus: readonly number[];
  readonly validatorTrust: readonly number[];
  readonly permits: readonly boolean[];
  readonly active: readonly boolean[];
  readonly bonds: readonly Row[];
}

type Row = readonly (readonly [number, number])[];

/**
 * Yuma consensus in floating point (chain.md 4.3): stake-weighted median with majority `kappa`, clipped weights, bonds as an exponential
 * moving average, emission halved between incentive and dividends. No liquid alpha, no bonds penalty, bonds masked for fresh registrations.
 */
export function yuma(input: YumaInput): YumaOutput {
  const uids = input.stakes.map((_, uid) => uid);
  const stake = normalised(input.stakes.map((value) => (value < input.stakeThreshold ? 0 : value)));
  const active = uids.map((uid) => at(input.lastUpdate, uid) + input.activityCutoff >= input.block);
  const activeStake = normalised(stake.map((value, uid) => (active[uid] && input.permits[uid] ? value : 0)));

  const weights = maskedWeights(input, uids);
  const consensus = uids.map((uid) => weightedMedian(activeStake, column(weights, uid), 1 - input.kappa));
  const clipped = weights.map((row) => row.map((weight, uid) => Math.min(weight, at(consensus, uid))));
  const incentive = normalised(uids.map((uid) => dot(activeStake, column(clipped, uid))));

  const bonds = movedBonds(input, uids, weights, activeStake);
  const dividends = normalised(bonds.map((row) => dot(row, incentive)));
  return {
    ...emissionShares(incentive, dividends, isZero(activeStake) ? stake : activeStake),
    incentive,
    dividends,
    consensus,
    validatorTrust: clipped.map(sum),
    permits: topStakes(stake, input.maxValidators),
    active,
    bonds: columnMaxUpscaled(bonds).map(toSparse),
  };
}

/** Rows of permitted validators without self-weights (the owner's stays) and without weights set before their target registered, normalised. */
function maskedWeights(input: YumaInput, uids: readonly number[]): number[][] {
  return uids.map((from) => {
    if (!input.permits[from]) return uids.map(() => 0);
    const counts = (to: number) =>
      (to !== from || to === input.ownerUid) && at(input.lastUpdate, from) > at(input.registeredAt, to);
    const dense = toDense(input.weights[from] ?? [], uids.length);
    return normalised(dense.map((weight, to) => (counts(to) ? weight : 0)));
  });
}

/** The largest weight that stake of at least the majority supports: the (1 - kappa) quantile by stake, from below. */
function weightedMedian(stakes: readonly number[], scores: readonly number[], minority: number): number {
  const order = scores.map((_, index) => index).filter((index) => at(stakes, index) > 0);
  order.sort((left, right) => at(scores, left) - at(scores, right));
  const target = minority * sum(order.map((index) => at(stakes, index)));
  let below = 0;
  for (const index of order) {
    below += at(stakes, index);
    if (below > target) return at(scores, index);
  }
  return at(scores, order.at(-1) ?? -1);
}

function movedBonds(
  input: YumaInput,
  uids: readonly number[],
  weights: readonly number[][],
  activeStake: readonly number[],
): number[][] {
  const lastTempo = input.block - input.tempo;
  const old = uids.map((uid) =>
    toDense(input.bonds[uid] ?? [], uids.length).map((bond, to) =>
      lastTempo <= at(input.registeredAt, to) ? 0 : bond,
    ),
  );
  const before = columnNormalised(old);
  const delta = columnNormalised(
    weights.map((row, uid) => row.map((weight) => weight * at(activeStake, uid))),
  );
  const { bondsAlpha } = input;
  return columnNormalised(
    delta.map((row, uid) =>
      row.map((value, to) => bondsAlpha * value + (1 - bondsAlpha) * at(before[uid] ?? [], to)),
    ),
  );
}

function emissionShares(
  incentive: readonly number[],
  dividends: readonly number[],
  stakeWhenIdle: readonly number[],
) {
  const total = sum(incentive) + sum(dividends);
  if (total === 0) return { serverShare: incentive.map(() => 0), validatorShare: stakeWhenIdle };
  return {
    serverShare: incentive.map((value) => value / total),
    validatorShare: dividends.map((value) => value / total),
  };
}

function topStakes(stake: readonly number[], count: number): boolean[] {
  const ranked = stake.map((_, uid) => uid).filter((uid) => at(stake, uid) > 0);
  ranked.sort((left, right) => at(stake, right) - at(stake, left) || left - right);
  const winners = new Set(ranked.slice(0, count));
  return stake.map((_, uid) => winners.has(uid));
}

const U16_MAX = 65_535;

/** The chain's conversion of a proportion: truncated, not rounded. */
export function proportionToU16(value: number): number {
  return Math.min(U16_MAX, Math.floor(value * U16_MAX + 1e-9));
}

function toSparse(row: readonly number[]): Row {
  return row.map((value, uid) => [uid, proportionToU16(value)] as const).filter(([, value]) => value > 0);
}

function toDense(row: Row, length: number): number[] {
  const dense = Array.from({ length }, () => 0);
  for (const [uid, value] of row) if (uid < length) dense[uid] = value;
  return dense;
}

function columnNormalised(rows: readonly number[][]): number[][] {
  const sums = rows.map((_, to) => sum(column(rows, to)));
  return rows.map((row) => row.map((value, to) => (at(sums, to) > 0 ? value / at(sums, to) : 0)));
}

function columnMaxUpscaled(rows: readonly number[][]): number[][] {
  const maxima = rows.map((_, to) => Math.max(0, ...column(rows, to)));
  return rows.map((row) => row.map((value, to) => (at(maxima, to) > 0 ? value / at(maxima, to) : 0)));
}

function column(rows: readonly number[][], to: number): number[] {
  return rows.map((row) => at(row, to));
}

function normalised(values: readonly number[]): number[] {
  const total = sum(values);
  return values.map((value) => (total > 0 ? value / total : 0));
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((total, value, index) => total + value * at(right, index), 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function isZero(values: readonly number[]): boolean {
  return values.every((value) => value === 0);
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}
