// Makes the load, plays the runs and takes their times, as Kueue's runner does for Kueue. Run by ours.ts as a process of its own.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isKube, jobs } from "@gradients/kube";
import { serve } from "../child.ts";
import { followJobs, type JobNews } from "../kubernetes/follow-jobs.ts";
import { clientFor } from "../kubernetes/plane.ts";
import { manifestOf, podSpec } from "../kubernetes/trainers.ts";
import { runnerLimits } from "./limits.ts";
import type { Series } from "./load.ts";
import type { ClassTimes } from "./outcome.ts";

const [kubeconfig = "", namespace = "", seriesFile = ""] = process.argv.slice(2);
const client = clientFor(kubeconfig, namespace, runnerLimits);
const all = JSON.parse(await readFile(seriesFile, "utf8")) as readonly Series[];
const seriesByAccount = new Map(all.map((series) => [series.accountId, series]));
const runs = new Map<string, Run>();
const stopping = new AbortController();
let finished = 0;

interface Run {
  readonly series: Series;
  readonly seenAt: number;
  admittedAt?: number;
  hasEnded?: boolean;
}

async function make(series: Series): Promise<void> {
  for (let index = 0; index < series.count; index += 1) {
    await sleep(series.intervalMs);
    const attemptId = `${series.accountId}-${String(index).padStart(5, "0")}`;
    const manifest = manifestOf({ ...podSpec(attemptId), hardwareClass: series.hardwareClass });
    await insist(() => client.create(jobs, manifest));
  }
}

function note({ name, attemptId, isSuspended, isComplete }: JobNews, at: number): void {
  const series = seriesByAccount.get(attemptId.slice(0, attemptId.lastIndexOf("-")));
  if (!series) return;
  const run = runs.get(name) ?? { series, seenAt: at };
  runs.set(name, run);
  if (!isSuspended && run.admittedAt === undefined) {
    run.admittedAt = at;
    setTimeout(() => void finish(name, run), series.runtimeMs);
  }
  if (!isComplete || run.hasEnded) return;
  run.hasEnded = true;
  finished += 1;
}

/** In place of pod and Job controller. */
async function finish(name: string, { admittedAt = 0 }: Run): Promise<void> {
  const wall = (at: number) => new Date(performance.timeOrigin + at).toISOString().replace(/\.\d+Z/, "Z");
  const now = wall(performance.now());
  const condition = (type: string) => ({
    type,
    status: "True",
    reason: "CompletionsReached",
    message: "By the benchmark",
    lastProbeTime: now,
    lastTransitionTime: now,
  });
  const status = {
    startTime: wall(admittedAt),
    completionTime: now,
    succeeded: 1,
    ready: 0,
    uncountedTerminatedPods: {},
    conditions: ["SuccessCriteriaMet", "Complete"].map(condition),
  };
  await insist(() => client.patch(jobs, name, { status }, { subresource: "status" }));
}

/** Kueue's runner has no time limit for its calls: on a machine that is too small, ours may need some tries. */
async function insist(call: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (isKube(error, "already_exists")) return;
      if (!isKube(error, "timeout", "unreachable")) throw error;
    }
  }
}

serve({
  /** Resolves when every run has ended, or with what there is when the time is over. */
  run: async (timeoutMs: number) => {
    const total = all.reduce((sum, { count }) => sum + count, 0);
    await followJobs(client, note, stopping.signal);
    const deadline = performance.now() + timeoutMs;
    const making = Promise.all(all.map(make));
    while (finished < total && performance.now() < deadline) await sleep(100);
    await making;
    const byClass = Map.groupBy(runs.values(), ({ series }) => series.className);
    return Object.fromEntries([...byClass].map(([name, own]) => [name, timesOf(own)]));
  },
});

function timesOf(own: readonly Run[]): ClassTimes {
  const waits = own.map(({ admittedAt, seenAt }) => (admittedAt ?? Number.NaN) - seenAt);
  return { count: own.length, meanMs: waits.reduce((sum, wait) => sum + wait, 0) / own.length, evictions: 0 };
}
