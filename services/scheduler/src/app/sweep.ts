import type { JobId } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { Attempt } from "../domain/attempt.ts";
import { type AttemptCommand, isFinal } from "../domain/attempt-machine.ts";
import { failureOf } from "../domain/failures.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { listAttemptsOfJob, listExpiredLeases, listPlacedAttempts } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import { claimTimer, listDueTimers, type Timer } from "../store/timers.ts";
import { moveAttempt } from "./move-attempt.ts";
import { oneByOne } from "./one-by-one.ts";

const BATCH = 100;

/** Moves on what is overdue: attempts whose pod is gone, leases that ran out, deadlines. `pods` were listed before. */
export async function sweep(deps: Deps, pods: readonly PodStatus[]): Promise<void> {
  await loseEndedPods(deps, pods);
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

/** The pods were listed first and the attempts are read now: whoever finished in between is not placed any more. */
async function loseEndedPods(deps: Deps, pods: readonly PodStatus[]): Promise<void> {
  const ended = new Map(pods.flatMap(({ name, phase }) => (phase.kind === "ended" ? [[name, phase]] : [])));
  if (ended.size === 0) return;
  await oneByOne(deps, "lose a pod", await listPlacedAttempts(deps.db.q), idOf, async (attempt) => {
    const name = podName(attempt.attemptId, attempt.core.epoch);
    const phase = ended.get(name);
    if (!phase) return;
    deps.observe.podCrashed(name, phase.exitCode, phase.message);
    const because = `the pod ended with exit code ${phase.exitCode ?? "unknown"}`;
    await move(deps, attempt, { type: "lose", epoch: attempt.core.epoch, because });
  });
}

async function loseExpiredLeases(deps: Deps): Promise<void> {
  await oneByOne(deps, "expire a lease", await listExpiredLeases(deps.db), idOf, (attempt) =>
    move(deps, attempt, { type: "expire", epoch: attempt.core.epoch }),
  );
}

function idOf({ attemptId }: Attempt): string {
  return attemptId;
}

/** Decided anew under the locks: an attempt that has moved on since it was read is left alone. */
function move(deps: Deps, { attemptId, jobId }: Attempt, command: AttemptCommand): Promise<unknown> {
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
