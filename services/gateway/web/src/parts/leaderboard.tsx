import type { RankedAttemptJson } from "@gradients/contracts/event";
import type { VerdictJson } from "@gradients/contracts/gateway";
import type { Contestant } from "../lib/contestants.ts";
import { formatGain, formatLoss, formatPercent, shortHotkey } from "../lib/format.ts";
import { IntervalBar } from "./interval-bar.tsx";

interface Props {
  readonly verdict: VerdictJson;
  readonly contestants: readonly Contestant[];
}

/** The verdict: ranks, gains over the base model with their intervals, and the base model itself as the last line. */
export function Leaderboard({ verdict, contestants }: Props) {
  const ranking = [...(verdict.ranking ?? [])].sort((a, b) => order(a) - order(b));
  const scale = Math.max(0.01, ...ranking.map((entry) => Math.abs(Number(entry.gainOverBase?.high ?? 0))));
  return (
    <section className="card overflow-x-auto">
      <h2 className="mb-1 font-semibold">Leaderboard</h2>
      <p className="mb-3 text-sm text-muted">
        {decisionOf(verdict, ranking)} Scored on {verdict.heldoutRows} examples that no contestant has seen.
      </p>
      <table className="w-full text-sm">
        <thead>
          <tr className="text-left">
            {["", "Recipe", "Gain over base (95 % interval)", "", "P(best)", "Loss", "Exact match"].map(
              (text, index) => (
                <th key={`${text}${index}`} className="label pb-2 pr-4">
                  {text}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {ranking.map((entry) => (
            <Row
              key={entry.attemptId}
              entry={entry}
              scale={scale}
              contestant={contestants.find((c) => c.attemptId === entry.attemptId)}
            />
          ))}
          <tr className="border-t border-line text-muted">
            <td className="py-2" />
            <td className="py-2 pr-4">Base model</td>
            <td colSpan={2} />
            <td />
            <td className="tabular-nums">{formatLoss(verdict.baseLoss)}</td>
            <td className="tabular-nums">{formatPercent(Number(verdict.baseExactMatch ?? 0), 0)}</td>
          </tr>
        </tbody>
      </table>
    </section>
  );
}

function decisionOf({ tie }: VerdictJson, ranking: readonly RankedAttemptJson[]): string {
  if (tie) return "The best contestants cannot be told apart: they share the first place.";
  if (ranking.filter(({ rank }) => rank).length === 1) return "The winner is the only one that counts.";
  const probability = Number(ranking[0]?.probabilityBest ?? 0);
  return `The winner is the best with a probability of ${probability > 0.999 ? "over 99.9 %" : formatPercent(probability)}.`;
}

function Row({
  entry,
  scale,
  contestant,
}: {
  readonly entry: RankedAttemptJson;
  readonly scale: number;
  readonly contestant: Contestant | undefined;
}) {
  const gain = entry.gainOverBase;
  return (
    <tr className="border-t border-line">
      <td className="py-2 pr-3 text-lg font-semibold tabular-nums">{entry.rank ? entry.rank : "–"}</td>
      <td className="py-2 pr-4">
        <span
          className="mr-2 inline-block size-2.5 rounded-full"
          style={{ background: contestant?.colour ?? "#94a3b8" }}
        />
        {entry.recipeTitle}{" "}
        {entry.defaultRecipe && <span className="text-xs text-muted">(plain default)</span>}
        <div className="font-mono text-xs text-muted">{shortHotkey(entry.contestantHotkey)}</div>
        {entry.disqualification && <div className="text-xs text-bad">{entry.disqualification.message}</div>}
      </td>
      <td className="w-56 py-2 pr-2">
        {gain && <IntervalBar estimate={gain} scale={scale} colour={contestant?.colour ?? "#94a3b8"} />}
      </td>
      <td className="pr-4 whitespace-nowrap tabular-nums">
        {gain && (
          <>
            <b>{formatGain(Number(gain.value ?? 0))}</b>{" "}
            <span className="text-xs text-muted">
              {formatGain(Number(gain.low ?? 0))} … {formatGain(Number(gain.high ?? 0))}
            </span>
          </>
        )}
      </td>
      <td className="pr-4 tabular-nums">
        {entry.rank ? formatPercent(Number(entry.probabilityBest ?? 0), 0) : "–"}
      </td>
      <td className="pr-4 tabular-nums">{entry.rank ? formatLoss(entry.loss ?? 0) : "–"}</td>
      <td className="tabular-nums">{entry.rank ? formatPercent(Number(entry.exactMatch ?? 0), 0) : "–"}</td>
    </tr>
  );
}

const order = (entry: RankedAttemptJson): number =>
  entry.rank ? entry.rank * 1000 + Number(entry.loss ?? 0) : Number.MAX_SAFE_INTEGER;
