/** Points of one scored job in millionths: what a job gives out in all, and what shares are rounded to. */
export const MICRO_POINTS_PER_JOB = 1_000_000n;

/** One line of a verdict, as far as points depend on it. */
export interface RankedEntry {
  readonly attemptId: string;
  /** Empty when no contestant stands behind the recipe: it competes, its share is burned. */
  readonly hotkey: string;
  /** 1 is best, equal in a tie, 0 when the artifact does not count. */
  readonly rank: number;
  /** Lower end of the 95 % interval of the relative gain over the base model; undefined when there is none. */
  readonly gainOverBaseLow: number | undefined;
}

interface Award {
  readonly attemptId: string;
  readonly hotkey: string;
  readonly microPoints: bigint;
}

export interface JobAwards {
  readonly awards: readonly Award[];
  /** What nobody earned: it is burned. Awards and this sum to MICRO_POINTS_PER_JOB. */
  readonly unallocatedMicroPoints: bigint;
}

/**
 * Shares a job's points among the entries whose gain over the base model is significant, each hotkey's best one: 0.3^(rank - 1), normalised
 * (domain.md C.5). Ties stand at the mean of their ranks. Rounded down; what rounding leaves over stays unallocated.
 */
export function awardPoints(ranking: readonly RankedEntry[]): JobAwards {
  const entries = bestOfEachHotkey(ranking.filter(isSignificant));
  const shares = decayedShares(
    entries.map(({ rank }) => rank),
    MICRO_POINTS_PER_JOB,
  );
  const awards = entries
    .map(({ attemptId, hotkey }, index) => ({ attemptId, hotkey, microPoints: shares[index] ?? 0n }))
    .filter(({ hotkey, microPoints }) => hotkey !== "" && microPoints > 0n);
  const given = awards.reduce((total, { microPoints }) => total + microPoints, 0n);
  return { awards, unallocatedMicroPoints: MICRO_POINTS_PER_JOB - given };
}

/** Integer shares of `whole`, rounded down, for competition ranks in ascending order ([1, 1, 3]); ranks may have gaps. */
export function decayedShares(ranks: readonly number[], whole: bigint): bigint[] {
  const weights = ranks.map((rank) => decayToHalves(twiceMeanPosition(ranks, rank)));
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  return weights.map((weight) => (weight * whole) / total);
}

function isSignificant({ rank, gainOverBaseLow }: RankedEntry): boolean {
  return rank > 0 && gainOverBaseLow !== undefined && gainOverBaseLow > 0;
}

function bestOfEachHotkey(ranking: readonly RankedEntry[]): RankedEntry[] {
  const ordered = ranking.toSorted((left, right) => left.rank - right.rank);
  const seen = new Set<string>();
  return ordered.filter(({ hotkey }) => {
    const first = hotkey === "" || !seen.has(hotkey);
    seen.add(hotkey);
    return first;
  });
}

/** Twice the mean position, from 0, of those who share a rank: an integer, because first + last is. */
function twiceMeanPosition(ranks: readonly number[], rank: number): bigint {
  return BigInt(ranks.indexOf(rank) + ranks.lastIndexOf(rank));
}

const DIGITS = 60n;

/** 0.3^(halves / 2) in units of 10^-60, by an integer square root, so that it is equal on every machine. */
function decayToHalves(halves: bigint): bigint {
  return integerSquareRoot((3n ** halves * 10n ** (2n * DIGITS)) / 10n ** halves);
}

function integerSquareRoot(value: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (let next = (root + value / root) >> 1n; next < root; next = (root + value / root) >> 1n) root = next;
  return root;
}
