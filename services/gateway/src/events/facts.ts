import type { DescMessage } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { AttemptId, JobId, RecipeId } from "@gradients/kernel";
import { recordFact } from "../app/record-fact.ts";
import type { Contestant, JobFact } from "../domain/apply-fact.ts";
import type { JobView } from "../domain/job.ts";
import type { GatewayObserver } from "../observe.ts";
import type { GatewayTx } from "../store/database.ts";

export interface HandlerDeps {
  readonly observe: GatewayObserver;
}

/** Takes an event in as a fact about its job. One about a job that was never accepted here is counted and dropped: waiting would not help it. */
export async function takeIn(
  { observe }: HandlerDeps,
  tx: GatewayTx,
  schema: DescMessage,
  jobId: string,
  fact: JobFact,
): Promise<void> {
  const outcome = await recordFact(tx, jobId as JobId, fact);
  if (outcome === "unknown_job") observe.factOfUnknownJob(jobId as JobId, schema.typeName);
  else if (outcome !== "old_news") tellEnd(observe, outcome, fact);
}

function tellEnd(observe: GatewayObserver, { job }: JobView, fact: JobFact): void {
  if (fact.kind !== "scored" && fact.kind !== "failed") return;
  const seconds = (fact.at.getTime() - job.createdAt.getTime()) / 1000;
  observe.jobEnded(job.jobId, fact.kind, seconds, fact.kind === "failed" ? (fact.failure?.code ?? "") : "");
}

/** What every event about an attempt that names its recipe says of who races. */
export function contestantOf({
  attemptId,
  recipeId,
  recipeTitle,
  contestantHotkey,
}: Record<keyof Contestant, string>): Contestant {
  return { attemptId: attemptId as AttemptId, recipeId: recipeId as RecipeId, recipeTitle, contestantHotkey };
}

/** When it happened by its owner's clock; the event's own time where it does not say. */
export function timeOf(timestamp: Timestamp | undefined, eventTime: Date): Date {
  return timestamp ? timestampDate(timestamp) : eventTime;
}
