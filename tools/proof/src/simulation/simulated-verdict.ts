import {
  awardPoints,
  type JobAwards,
  MICRO_POINTS_PER_JOB,
} from "../../../../services/chain-bridge/src/domain/award-points.ts";
import { VERDICT_RULES } from "../../../../services/scorer/src/domain/ranks.ts";
import { judge, type Verdict } from "../../../../services/scorer/src/domain/verdict.ts";
import { simulateRace } from "../../../../services/scorer/src/simulation/race.ts";
import { Broken } from "../model/broken.ts";

const RULES = { ...VERDICT_RULES, resamples: 100 };

/** The scorer's decision on a random race and the points that follow from it. Throws Broken when they are not what they must be. */
export function awardRandomRace(seed: string, contestants: number, gap: number): JobAwards {
  const { input } = simulateRace({ rows: 24, contestants, gap }, RULES, seed);
  const verdict = judge(input);
  if (JSON.stringify(judge({ ...input, entries: input.entries.toReversed() })) !== JSON.stringify(verdict))
    throw new Broken("verdict: it depends on the order of its entries");
  checkRanking(
    verdict,
    input.entries.map(({ attemptId }) => attemptId),
  );
  const awards = awardPoints(verdict.ranking.map((entry) => toRanked(entry)));
  const given = awards.awards.reduce(
    (sum, { microPoints }) => sum + microPoints,
    awards.unallocatedMicroPoints,
  );
  if (given !== MICRO_POINTS_PER_JOB) throw new Broken("points: a job's do not sum to one");
  return awards;
}

function checkRanking({ ranking, winnerAttemptId }: Verdict, attemptIds: readonly string[]): void {
  const ranked = ranking.map(({ attemptId }) => attemptId).toSorted();
  if (ranked.join() !== attemptIds.toSorted().join())
    throw new Broken("verdict: an attempt is missing or twice");
  const counted = ranking.flatMap((entry) => ("loss" in entry ? [entry] : []));
  const lowest = counted.toSorted((a, b) => a.loss - b.loss)[0];
  if (lowest?.attemptId !== winnerAttemptId) throw new Broken("verdict: the winner has not the lowest loss");
  if (counted.some(({ rank }, place) => rank > place + 1)) throw new Broken("verdict: a rank is skipped");
}

/** Each contestant goes by one hotkey in all races. */
function toRanked(entry: Verdict["ranking"][number]) {
  const gainOverBaseLow = entry.rank > 0 && "gainOverBase" in entry ? entry.gainOverBase.low : undefined;
  return { attemptId: entry.attemptId, hotkey: entry.attemptId, rank: entry.rank, gainOverBaseLow };
}
