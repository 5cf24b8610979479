import { setTimeout as delay } from "node:timers/promises";
import { failpoint } from "@gradients/kernel";
import { inSpan, inTraceOf, type Part } from "@gradients/runtime";
import { expireJob } from "../app/expire-job.ts";
import { giveUpDeadlyTask, giveUpTask } from "../app/give-up-task.ts";
import { judgeJob } from "../app/judge-job.ts";
import { splitJob } from "../app/split-job.ts";
import type { Deps } from "../deps.ts";
import type { TaskKind } from "../store/schema.ts";
import { claimTasks, extendLease, LeaseLost, postponeTask, type Task, taskChannel } from "../store/tasks.ts";

export interface TaskRunnerOptions {
  /** Tasks that run side by side in this process. */
  readonly concurrency: number;
  readonly leaseSeconds: number;
  /** A split or a verdict that failed so often ends its job. */
  readonly maxTries: number;
}

const POLL_MS = 1_000;
const LONGEST_PAUSE_SECONDS = 60;

const work: Readonly<Record<TaskKind, (deps: Deps, task: Task, signal: AbortSignal) => Promise<void>>> = {
  split: splitJob,
  judge: judgeJob,
  deadline: expireJob,
};

/** Runs what is due. Tasks are rows with a lease: those of a process that died are taken over by any replica when the lease has run out. */
export function createTaskRunner(deps: Deps, options: TaskRunnerOptions): Part {
  return { name: "task runner", stopTimeoutMs: 10_000, run: (signal) => runTasks(deps, options, signal) };
}

async function runTasks(deps: Deps, options: TaskRunnerOptions, signal: AbortSignal): Promise<void> {
  const lanes = [
    createLane(deps, options, ["split", "judge"], options.concurrency),
    createLane(deps, options, ["deadline"], 1), // hours of splitting must not hold up a deadline
  ];
  const ring = () => {
    for (const lane of lanes) lane.ring();
  };
  await Promise.all([deps.db.listen(taskChannel, ring, signal), ...lanes.map((lane) => lane.run(signal))]);
}

/** Keeps up to `concurrency` tasks of its kinds going. */
function createLane(deps: Deps, options: TaskRunnerOptions, kinds: readonly TaskKind[], concurrency: number) {
  const running = new Set<Promise<void>>();
  let wake = new AbortController();
  const ring = () => wake.abort();
  const start = (task: Task, signal: AbortSignal) => {
    const run = runTask(deps, options, task, signal).finally(() => {
      running.delete(run);
      ring();
    });
    running.add(run);
  };
  const run = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      wake = new AbortController();
      const due = await claim(deps, options, kinds, concurrency - running.size);
      for (const task of due) start(task, signal);
      await waitFor(POLL_MS, AbortSignal.any([wake.signal, signal]));
    }
    await Promise.all(running);
  };
  return { run, ring };
}

async function claim(
  { db, observe }: Deps,
  { leaseSeconds }: TaskRunnerOptions,
  kinds: readonly TaskKind[],
  free: number,
): Promise<readonly Task[]> {
  if (free <= 0) return [];
  try {
    return await claimTasks(db, kinds, free, leaseSeconds);
  } catch (error) {
    observe.claimFailed(error);
    return [];
  }
}

/** A cut wait is a finished one. */
async function waitFor(milliseconds: number, cut: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal: cut }).catch(() => {});
}

/** Never throws: what goes wrong becomes a later try or the end of the job. The work continues the trace of the event that made it due. */
function runTask(deps: Deps, options: TaskRunnerOptions, task: Task, signal: AbortSignal): Promise<void> {
  const span = {
    scope: "scorer",
    name: `scorer ${task.kind}`,
    attributes: { "gradients.job.id": task.jobId },
  };
  return inTraceOf(task.traceparent, () => inSpan(span, () => runLeased(deps, options, task, signal)));
}

async function runLeased(
  deps: Deps,
  options: TaskRunnerOptions,
  task: Task,
  signal: AbortSignal,
): Promise<void> {
  failpoint("scorer.task-claimed");
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  const lease = new AbortController();
  const done = new AbortController();
  const keeping = keepLease(deps, options, task, lease, done.signal);
  try {
    const isDeadly = task.kind !== "deadline" && task.tries > options.maxTries;
    if (isDeadly) await giveUpDeadlyTask(deps, task);
    else await work[task.kind](deps, task, AbortSignal.any([signal, lease.signal]));
    deps.observe.taskDone(task, seconds());
  } catch (error) {
    await settleFailure(deps, options, task, error, {
      seconds: seconds(),
      isStopping: signal.aborted,
      isLost: lease.signal.aborted,
    });
  } finally {
    done.abort();
    await keeping;
  }
}

/** Extends the lease at a third of its length; aborts the work once someone else has it or the job is over. */
async function keepLease(
  { db }: Deps,
  { leaseSeconds }: TaskRunnerOptions,
  task: Task,
  lease: AbortController,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted && !lease.signal.aborted) {
    await waitFor((leaseSeconds * 1_000) / 3, done);
    if (done.aborted) return;
    const isOurs = await extendLease(db, task, leaseSeconds).catch(() => true); // an unreachable database says nothing about the lease; the fence does
    if (!isOurs) lease.abort(new LeaseLost("The lease is gone"));
  }
}

async function settleFailure(
  deps: Deps,
  { maxTries }: TaskRunnerOptions,
  task: Task,
  error: unknown,
  { seconds, isStopping, isLost }: Failure,
): Promise<void> {
  const { db, observe } = deps;
  if (isLost || error instanceof LeaseLost) return observe.taskLost(task);
  const isLast = task.kind !== "deadline" && task.tries >= maxTries && !isStopping;
  const pause = isStopping ? 0 : Math.min(LONGEST_PAUSE_SECONDS, 2 ** (task.tries - 1));
  if (!isStopping) observe.taskFailed(task, seconds, error, isLast ? undefined : pause);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  try {
    if (isLast) await giveUpTask(deps, task, error);
    else await postponeTask(db, task, { seconds: pause, error: text, counts: !isStopping });
  } catch (cause) {
    observe.taskNotSettled(task, cause); // the lease runs out, then it is claimed again
  }
}

interface Failure {
  readonly seconds: number;
  readonly isStopping: boolean;
  readonly isLost: boolean;
}
