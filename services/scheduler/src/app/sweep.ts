import type { JobId } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { Attempt } from "../domain/attempt.ts";
import { type AttemptCommand, isFinal } from "../domain/attempt-machine.ts";
import { failureOf } from "../domain/failures.ts";
import { listAttemptsOfJob } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import { listExpiredPlacements, type Placement } from "../store/placements.ts";
import { claimTimer, listDueTimers, type Timer } from "../store/timers.ts";
import { moveAttempt } from "./move-attempt.ts";
import { oneByOne } from "./one-by-one.ts";

const BATCH = 100;

/** Moves on what is overdue: leases that ran out, deadlines. */
export async function sweep(deps: Deps): Promise<void> {
  await loseExpiredLeases(deps);
  const timers = await listDueTimers(deps.db, BATCH);
  await oneByOne(
    deps,
    "fire a timer",
    timers,
    ({ subjectId }) => subjectId,
    (timer) => fire(deps, timer),
  );
}

async function loseExpiredLeases(deps: Deps): Promise<void> {
  const expired = await listExpiredPlacements(deps.db);
  const idOf = ({ attemptId }: Placement) => attemptId;
  await oneByOne(deps, "expire a lease", expired, idOf, (placement) =>
    move(deps, placement, { type: "expire", epoch: placement.epoch }),
  );
}

/** Decided anew under the locks: an attempt that has moved on since it was read is left alone. */
function move(deps: Deps, { attemptId, jobId }: Placement, command: AttemptCommand): Promise<unknown> {
  return deps.db.tx(async (tx) => moveAttempt(tx, deps, await lockJob(tx, jobId), attemptId, command));
}

async function fire(deps: Deps, timer: Timer): Promise<void> {
  const jobId = timer.jobId as JobId;
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, jobId);
    if (!(await claimTimer(tx, timer))) return;
    const attempts = await listAttemptsOfJob(tx, jobId);
    const isMeant = ({ attemptId }: Attempt) =>
      timer.kind === "job_deadline" || attemptId === timer.subjectId;
    for (const attempt of attempts.filter((one) => isMeant(one) && !isFinal(one.core.state))) {
      const failure = failureOf("DEADLINE_EXCEEDED", overdueText(attempt));
      await moveAttempt(tx, deps, job, attempt.attemptId, { type: "fail", failure });
    }
  });
}

function overdueText({ core }: Attempt): string {
  return core.state === "queued" ? "it was still waiting for a free machine" : "it was still running";
}
