import type { Result } from "@gradients/kernel";
import type { AlignedScores, AlignmentFault } from "./align-scores.ts";
import {
  type Estimate,
  estimateGain,
  lossOf,
  type Resamples,
  resampleLosses,
  type ScoreTable,
} from "./confidence.ts";
import { findCopies } from "./copies.ts";
import {
  type ArtifactChecks,
  alignmentReason,
  checksReason,
  copyReason,
  evaluationReason,
  tokensReason,
} from "./disqualification.ts";
import { type Ranks, rankModels, type VerdictRules } from "./ranks.ts";
import type { Reason } from "./reason.ts";

/** One attempt as the verdict sees it. */
export interface Entry {
  readonly attemptId: string;
  readonly isDefault: boolean;
  /** Milliseconds since 1970. */
  readonly finishedAt: number;
  readonly outcome: EntryOutcome;
}

type EntryOutcome =
  | { readonly kind: "training_failed"; readonly reason: Reason }
  | { readonly kind: "evaluation_failed"; readonly reason: Reason }
  | {
      readonly kind: "scored";
      readonly checks: ArtifactChecks;
      readonly scores: Result<AlignedScores, AlignmentFault>;
    };

export interface VerdictInput {
  readonly heldoutRows: readonly number[];
  readonly clusters: readonly number[];
  readonly base: AlignedScores;
  readonly entries: readonly Entry[];
  readonly rules: VerdictRules;
  /** Seeds the bootstrap: the split's salt in hexadecimal, which nobody could know during the race. */
  readonly seed: string;
}

export interface Verdict {
  /** Ranked attempts from best to worst, then those that do not count. */
  readonly ranking: readonly RankedEntry[];
  /** Lowest loss of rank 1; undefined when no attempt counts. */
  readonly winnerAttemptId: string | undefined;
  readonly isTie: boolean;
  readonly baseLoss: number;
  readonly baseExactMatch: number;
  readonly tokens: number;
}

export type RankedEntry =
  | {
      readonly attemptId: string;
      readonly rank: number;
      readonly loss: number;
      readonly gainOverBase: Estimate;
      /** Undefined for the default recipe itself, and when that does not count. */
      readonly gainOverDefault: Estimate | undefined;
      readonly probabilityBest: number;
      readonly exactMatch: number;
    }
  | { readonly attemptId: string; readonly rank: 0; readonly reason: Reason };

/**
 * The verdict of a job, from per-example scores alone. Pure: the same input gives the same verdict to the last bit, whatever the order of the entries,
 * which is what lets anyone recompute it from the evidence bundle.
 */
export function judge(input: VerdictInput): Verdict {
  const entries = [...input.entries].sort(
    (a, b) => a.finishedAt - b.finishedAt || (a.attemptId < b.attemptId ? -1 : 1),
  );
  const { counted, refused } = separate(entries, input);
  const table: ScoreTable = {
    tokens: input.base.tokens,
    clusters: input.clusters,
    nll: [input.base.nll, ...counted.map(({ scores }) => scores.nll)],
  };
  const resamples = resampleLosses(table, input.rules.resamples, input.seed, input.rules.widened);
  const models = counted.map((_, index) => index + 1);
  const ranks = rankModels(table, resamples, models, input.rules);
  const ranked = describe(counted, table, resamples, ranks);
  return {
    ranking: [...ranked, ...refused],
    winnerAttemptId: ranked[0]?.attemptId,
    isTie: ranks.isTie,
    baseLoss: lossOf(table, BASE),
    baseExactMatch: exactMatchRate(input.base),
    tokens: table.tokens.reduce((total, count) => total + count, 0),
  };
}

const BASE = 0;

/** Copies are looked for among sound artifacts only: a broken one cannot claim to be the original. */
function separate(
  entries: readonly Entry[],
  input: VerdictInput,
): { readonly counted: readonly CountedEntry[]; readonly refused: readonly RankedEntry[] } {
  const sound: CountedEntry[] = [];
  const reasons = new Map<string, Reason>();
  for (const entry of entries) {
    const checked = check(entry, input);
    if ("reason" in checked) reasons.set(entry.attemptId, checked.reason);
    else sound.push(checked);
  }
  for (const copy of findCopies(sound, input.base)) reasons.set(copy.attemptId, copyReason(copy));
  return {
    counted: sound.filter(({ attemptId }) => !reasons.has(attemptId)),
    refused: entries.flatMap(({ attemptId }) => {
      const reason = reasons.get(attemptId);
      return reason ? [{ attemptId, rank: 0 as const, reason }] : [];
    }),
  };
}

function check(
  entry: Entry,
  { base, heldoutRows }: VerdictInput,
): CountedEntry | { readonly reason: Reason } {
  const { outcome } = entry;
  if (outcome.kind === "training_failed") return { reason: outcome.reason };
  if (outcome.kind === "evaluation_failed") return { reason: evaluationReason(outcome.reason) };
  const reason = checksReason(outcome.checks);
  if (reason) return { reason };
  if (!outcome.scores.ok) return { reason: alignmentReason(outcome.scores.error) };
  const scores = outcome.scores.value;
  const differing = heldoutRows.find((_, position) => scores.tokens[position] !== base.tokens[position]);
  if (differing !== undefined) return { reason: tokensReason(differing) };
  const { attemptId, isDefault, finishedAt } = entry;
  return { attemptId, isDefault, finishedAt, weightsSha256: outcome.checks.weightsSha256, scores };
}

function describe(
  counted: readonly CountedEntry[],
  table: ScoreTable,
  resamples: Resamples,
  ranks: Ranks,
): readonly RankedEntry[] {
  const defaultModel = counted.findIndex(({ isDefault }) => isDefault) + 1;
  return ranks.order.flatMap((model) => {
    const entry = counted[model - 1];
    if (!entry) return [];
    const hasDefault = defaultModel > 0 && model !== defaultModel;
    return [
      {
        attemptId: entry.attemptId,
        rank: ranks.rankOf.get(model) ?? 0,
        loss: lossOf(table, model),
        gainOverBase: estimateGain(table, resamples, BASE, model),
        gainOverDefault: hasDefault ? estimateGain(table, resamples, defaultModel, model) : undefined,
        probabilityBest: ranks.probabilityBest.get(model) ?? 0,
        exactMatch: exactMatchRate(entry.scores),
      },
    ];
  });
}

function exactMatchRate({ exactMatches, generatedRows }: AlignedScores): number {
  return generatedRows === 0 ? 0 : exactMatches / generatedRows;
}

interface CountedEntry {
  readonly attemptId: string;
  readonly isDefault: boolean;
  readonly finishedAt: number;
  readonly weightsSha256: string;
  readonly scores: AlignedScores;
}
