import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type EventHandler, on } from "@gradients/bus";
import { AttemptFinishedSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { noteAttemptFinish } from "../store/race-entries.ts";
import type { Tables } from "../store/schema.ts";

/** Of two equal artifacts the earlier one counts, so the time is kept. */
export function onAttemptFinished(): EventHandler<Tables> {
  return on(AttemptFinishedSchema, ({ jobId, attemptId, finishedAt }, { tx, time }) =>
    noteAttemptFinish(tx, jobId as JobId, attemptId, finishedAt ? timestampDate(finishedAt) : time),
  );
}
