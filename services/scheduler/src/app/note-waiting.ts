import { appendOutbox } from "@gradients/bus";
import type { Deps } from "../deps.ts";
import type { Waiting } from "../domain/attempt.ts";
import { isHeld } from "../domain/pod-facts.ts";
import { waitingEvents } from "../events/published.ts";
import { lockAttempt } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import { type Placement, saveWaiting } from "../store/placements.ts";

/** Keeps what a pod waits for, and tells of it when that is news for a customer. An attempt that is not placing any more waits for nothing. */
export async function noteWaiting(
  { db }: Pick<Deps, "db">,
  { attemptId, jobId, epoch }: Pick<Placement, "attemptId" | "jobId" | "epoch">,
  waiting: Waiting,
): Promise<void> {
  await db.tx(async (tx) => {
    await lockJob(tx, jobId);
    const attempt = await lockAttempt(tx, attemptId);
    if (attempt?.core.state !== "placing" || attempt.core.epoch !== epoch) return;
    await saveWaiting(tx, attemptId, waiting);
    if (isNews(attempt.waiting, waiting)) await appendOutbox(tx, waitingEvents(attempt, waiting, tx.now));
  });
}

/** A pod that just starts is no news, unless something was in its way before. */
export function isNews(before: Waiting | null, { reason }: Waiting): boolean {
  return isHeld(before?.reason) ? before?.reason !== reason : isHeld(reason);
}
