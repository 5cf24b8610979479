import { timestampDate } from "@bufbuild/protobuf/wkt";
import { on } from "@gradients/bus";
import { JobScoredSchema, type RankedAttempt } from "@gradients/contracts/event";
import { awardJob } from "../app/award-job.ts";
import type { Deps } from "../deps.ts";
import type { RankedEntry } from "../domain/award-points.ts";
import type { Tables } from "../store/schema.ts";

export const onJobScored = (deps: Deps) =>
  on<typeof JobScoredSchema, Tables>(JobScoredSchema, ({ jobId, ranking, scoredAt }, { tx, time }) =>
    awardJob(deps, tx, {
      jobId,
      scoredAt: scoredAt ? timestampDate(scoredAt) : time,
      ranking: ranking.map(toEntry),
    }),
  );

function toEntry({
  attemptId,
  contestantHotkey,
  rank,
  gainOverBase,
  disqualification,
}: RankedAttempt): RankedEntry {
  return {
    attemptId,
    hotkey: contestantHotkey,
    rank: disqualification ? 0 : rank,
    gainOverBaseLow: gainOverBase?.low,
  };
}
