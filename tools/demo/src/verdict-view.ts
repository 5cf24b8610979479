import type { RankedAttempt } from "@gradients/contracts/event";
import type { Verdict } from "@gradients/contracts/gateway";
import colours from "picocolors";

/** The leaderboard as a table: gain over the base model with its 95 % interval, P(best), loss, exact match. */
export function verdictLines(verdict: Verdict): readonly string[] {
  const ranking = [...verdict.ranking].sort((a, b) => order(a) - order(b));
  return [
    colours.bold(
      `  ${"".padEnd(3)} ${"recipe".padEnd(26)} ${"gain over base  [95 % interval]".padEnd(34)} ${"P(best)".padEnd(8)} ${"loss".padEnd(7)} exact match`,
    ),
    ...ranking.map(rankedLine),
    colours.dim(
      `  ${"".padEnd(3)} ${"base model".padEnd(26)} ${"".padEnd(34)} ${"".padEnd(8)} ${verdict.baseLoss.toFixed(3).padEnd(7)} ${percent(verdict.baseExactMatch)}`,
    ),
    "",
    `  ${decisionOf(verdict.tie, ranking)}`,
  ];
}

function decisionOf(isTie: boolean, ranking: readonly RankedAttempt[]): string {
  if (isTie) return "The best cannot be told apart: they share the first place.";
  if (ranking.filter(({ rank }) => rank > 0).length === 1) return "The winner is the only one that counts.";
  const probability = ranking[0]?.probabilityBest ?? 0;
  return `The winner is the best with a probability of ${probability > 0.999 ? "over 99.9" : (probability * 100).toFixed(1)} %.`;
}

function rankedLine(entry: RankedAttempt): string {
  const name = entry.recipeTitle.padEnd(26).slice(0, 26);
  if (entry.rank === 0)
    return `  ${"–".padEnd(3)} ${name} ${colours.red(entry.disqualification?.message ?? "does not count")}`;
  const gain = entry.gainOverBase;
  const interval = gain ? `${signed(gain.value)}  [${signed(gain.low)} … ${signed(gain.high)}]` : "";
  const line = `  ${`${entry.rank}.`.padEnd(3)} ${name} ${interval.padEnd(34)} ${percent(entry.probabilityBest).padEnd(8)} ${entry.loss.toFixed(3).padEnd(7)} ${percent(entry.exactMatch)}`;
  return entry.rank === 1 ? colours.green(line) : line;
}

const order = (entry: RankedAttempt): number =>
  entry.rank === 0 ? Number.MAX_SAFE_INTEGER : entry.rank * 1_000 + entry.loss;
const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const signed = (share: number): string => `${share >= 0 ? "+" : "−"}${Math.abs(share * 100).toFixed(1)} %`;
