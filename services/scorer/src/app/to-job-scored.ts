import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type JobScored, JobScoredSchema, type RankedAttemptSchema } from "@gradients/contracts/event";
import { fromFile, fromObject } from "@gradients/contracts/stored-object";
import type { JobId } from "@gradients/kernel";
import type { ObjectRef } from "@gradients/objects";
import type { RaceEntry } from "../domain/job.ts";
import { collectSamples } from "../domain/samples.ts";
import type { RankedEntry, Verdict } from "../domain/verdict.ts";
import { fromReason } from "../wire.ts";
import type { Gathered } from "./gather-evidence.ts";

interface Scored {
  readonly jobId: JobId;
  readonly salt: Buffer;
  readonly verdict: Verdict;
  readonly gathered: Extract<Gathered, { kind: "complete" }>;
  readonly evidence: ObjectRef;
  readonly scoredAt: Date;
}

const SAMPLES = 8;

/** The event of a verdict. Only attempts that count have their answers shown. */
export function toJobScored({ jobId, salt, verdict, gathered, evidence, scoredAt }: Scored): JobScored {
  const { entries, split, baseAnswers } = gathered;
  const counted = verdict.ranking.filter((entry) => entry.rank > 0).map(({ attemptId }) => attemptId);
  const answers = new Map([...gathered.answers].filter(([attemptId]) => counted.includes(attemptId)));
  const winner = entries.find(({ attemptId }) => attemptId === verdict.winnerAttemptId);
  return create(JobScoredSchema, {
    jobId,
    ranking: verdict.ranking.map((ranked) => toRanked(ranked, entries)),
    winnerAttemptId: verdict.winnerAttemptId ?? "",
    tie: verdict.isTie,
    baseLoss: verdict.baseLoss,
    baseExactMatch: verdict.baseExactMatch,
    heldoutRows: split.heldoutRows.length,
    heldoutTokens: BigInt(verdict.tokens),
    evidence,
    revealedSalt: salt.toString("hex"),
    heldoutCommitment: split.commitment,
    heldout: fromObject(split.heldout),
    samples: [...collectSamples(baseAnswers, answers, SAMPLES)],
    winnerArtifact: winner?.artifact.map(fromFile) ?? [],
    scoredAt: timestampFromDate(scoredAt),
  });
}

function toRanked(
  ranked: RankedEntry,
  entries: readonly RaceEntry[],
): MessageInitShape<typeof RankedAttemptSchema> {
  const entry = entries.find(({ attemptId }) => attemptId === ranked.attemptId);
  const who = {
    attemptId: ranked.attemptId,
    recipeId: entry?.recipeId ?? "",
    recipeTitle: entry?.recipeTitle ?? "",
    contestantHotkey: entry?.contestantHotkey ?? "",
    defaultRecipe: entry?.isDefault ?? false,
    rank: ranked.rank,
  };
  if ("reason" in ranked) return { ...who, disqualification: fromReason(ranked.reason) };
  const { loss, gainOverBase, gainOverDefault, probabilityBest, exactMatch } = ranked;
  return {
    ...who,
    loss,
    gainOverBase,
    probabilityBest,
    exactMatch,
    ...(gainOverDefault && { gainOverDefault }),
  };
}
