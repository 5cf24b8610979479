import type { VerdictRules } from "../domain/ranks.ts";
import { judge, type RankedEntry, type Verdict } from "../domain/verdict.ts";
import { type RaceShape, type SimulatedRace, simulateRace } from "./race.ts";

export interface VerdictFigures extends RaceShape {
  readonly races: number;
  /** Share of races that named a sole winner which is not the best; with a gap of zero, any sole winner. */
  readonly wrongWinners: number;
  /** Share of races that named the best as sole winner. */
  readonly power: number;
  readonly ties: number;
  /** Share of races that "the lowest mean loss wins" gives to another than the best; with a gap of zero there is none. */
  readonly wrongByMean: number;
  /** Share of contestants whose true gain over the base model lies in its 95 % interval. */
  readonly coverage: number;
}

export interface MeasureOptions {
  readonly races: number;
  readonly rules: VerdictRules;
  readonly seed: string;
}

/** Races of one shape through the scorer's own `judge`, beside the rule that takes the lowest loss. */
export function measureVerdicts(shape: RaceShape, { races, rules, seed }: MeasureOptions): VerdictFigures {
  const counts = { wrong: 0, right: 0, ties: 0, wrongByMean: 0, covered: 0, intervals: 0 };
  for (let number = 0; number < races; number++) {
    const race = simulateRace(
      shape,
      rules,
      `${seed}/${shape.rows}/${shape.contestants}/${shape.gap}/${number}`,
    );
    const verdict = judge(race.input);
    const found = outcomeOf(verdict, race, shape);
    counts[found]++;
    if (!race.best.has(verdict.winnerAttemptId ?? "")) counts.wrongByMean++; // the lowest loss leads the ranking
    const covered = verdict.ranking.map((entry) => isCovered(entry, race));
    counts.intervals += covered.length;
    counts.covered += covered.filter(Boolean).length;
  }
  return {
    ...shape,
    races,
    wrongWinners: counts.wrong / races,
    power: counts.right / races,
    ties: counts.ties / races,
    wrongByMean: counts.wrongByMean / races,
    coverage: counts.covered / counts.intervals,
  };
}

function outcomeOf({ isTie, winnerAttemptId = "" }: Verdict, { best }: SimulatedRace, { gap }: RaceShape) {
  if (isTie) return "ties";
  return gap > 0 && best.has(winnerAttemptId) ? "right" : "wrong";
}

function isCovered(entry: RankedEntry, { gains }: SimulatedRace): boolean {
  const gain = gains.get(entry.attemptId) ?? Number.NaN;
  return (
    entry.rank > 0 && "loss" in entry && entry.gainOverBase.low <= gain && gain <= entry.gainOverBase.high
  );
}
