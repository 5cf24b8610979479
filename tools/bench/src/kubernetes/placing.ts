import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlane } from "@gradients/cluster";
import type { Figure, RunOptions } from "../benchmark.ts";
import { sampleOf } from "../processes.ts";
import { percentile } from "../statistics.ts";
import { atRate } from "./at-rate.ts";
import { measureBarePlacing } from "./bare-placing.ts";
import { followJobs } from "./follow-jobs.ts";
import { makeNamespace } from "./plane.ts";
import { newJobId, type SchedulerWorld } from "./scheduler.ts";

export const RATE = 100;
const NAMESPACE = "placing";
const LATEST_MS = 600_000;

/** From the event that makes a job a race to the watch's word of its Kubernetes Job, at a steady rate. */
export async function measurePlacing(
  plane: ControlPlane,
  world: SchedulerWorld,
  { isQuick, share = 1, say }: RunOptions,
): Promise<readonly Figure[]> {
  const client = await makeNamespace(plane.kubeconfig, NAMESPACE);
  await world.start(NAMESPACE);
  const stopping = new AbortController();
  const createdAt = new Map<string, number>();
  let isDouble = false;
  const namesOf = new Map<string, string>();
  await followJobs(
    client,
    ({ name, jobId }, at) => {
      isDouble ||= (namesOf.get(jobId) ?? name) !== name;
      namesOf.set(jobId, name);
      if (!createdAt.has(jobId)) createdAt.set(jobId, at);
    },
    stopping.signal,
  );
  await placeAll(world, Array.from({ length: RATE }, newJobId), createdAt); // what is compiled by now stays so
  const ids = Array.from({ length: Math.round(RATE * (isQuick ? 5 : 20 * share)) }, newJobId);
  const cpuBefore = sampleOf(await world.pid())?.cpuSeconds ?? 0;
  const sentAt = await placeAll(world, ids, createdAt);
  const cpu = (sampleOf(await world.pid())?.cpuSeconds ?? 0) - cpuBefore;
  stopping.abort();
  await world.stop();
  await client.transport.close();
  if (isDouble) throw new Error("A job has two Kubernetes Jobs");
  const took = ids.map((id) => (createdAt.get(id) ?? Number.NaN) - (sentAt.get(id) ?? Number.NaN));
  say(
    `  event to Job: p50 ${Math.round(percentile(took, 0.5))} ms, p99 ${Math.round(percentile(took, 0.99))} ms`,
  );
  const bare = await measureBarePlacing(plane, ids.length, RATE);
  const beside = (value: number) => ({ what: "the same calls, nothing around them", value });
  const latency = (share: 50 | 99, atMost: number): Figure => ({
    what: `event to Job created at ${RATE}/s, p${share}`,
    value: percentile(took, share / 100),
    unit: "ms",
    beside: beside(share === 50 ? bare.p50 : bare.p99),
    target: { atMost },
  });
  const cpuMs = (cpu / ids.length) * 1000;
  return [
    latency(50, 25),
    latency(99, 250),
    { what: "CPU of the scheduler, whole way", value: cpuMs, unit: "ms/job", beside: beside(bare.cpuMs) },
  ];
}

/** When each was sent. */
async function placeAll(
  world: SchedulerWorld,
  ids: readonly string[],
  createdAt: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  await Promise.all(ids.map((id) => world.accept(id)));
  await sleep(2_000); // all of these are handled
  const sentAt = await atRate(ids, RATE, world.split);
  const deadline = performance.now() + LATEST_MS;
  while (ids.some((id) => !createdAt.has(id))) {
    if (performance.now() > deadline) throw new Error("Some jobs got no Kubernetes Job within ten minutes");
    await sleep(50);
  }
  return sentAt;
}
