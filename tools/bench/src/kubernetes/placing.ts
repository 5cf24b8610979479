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

interface Pace {
  readonly perSecond: number;
  /** Milliseconds that the product is held to. */
  readonly atMost?: { readonly p50: number; readonly p99: number };
}

/** Of races: what the product is held to, and half of it, at which two cores have time left. */
export const PACES: readonly Pace[] = [{ perSecond: 50 }, { perSecond: 100, atMost: { p50: 25, p99: 250 } }];
const NAMESPACE = "placing";
const LATEST_MS = 600_000;

/** From the event that makes a job a race to the watch's word of its Kubernetes Job, at a steady rate. */
export async function measurePlacing(
  plane: ControlPlane,
  world: SchedulerWorld,
  options: RunOptions,
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
  const warm = Array.from({ length: 100 }, newJobId);
  await placeAll(world, warm, 100, createdAt); // what is compiled by now stays so
  const figures: Figure[] = [];
  for (const pace of PACES) figures.push(...(await measurePace(plane, world, pace, createdAt, options)));
  stopping.abort();
  await world.stop();
  await client.transport.close();
  if (isDouble) throw new Error("A job has two Kubernetes Jobs");
  return figures;
}

async function measurePace(
  plane: ControlPlane,
  world: SchedulerWorld,
  { perSecond, atMost }: Pace,
  createdAt: ReadonlyMap<string, number>,
  { isQuick, share = 1, say }: RunOptions,
): Promise<readonly Figure[]> {
  const ids = Array.from({ length: Math.round(perSecond * (isQuick ? 5 : 20 * share)) }, newJobId);
  const cpuBefore = sampleOf(await world.pid())?.cpuSeconds ?? 0;
  const sentAt = await placeAll(world, ids, perSecond, createdAt);
  const cpu = (sampleOf(await world.pid())?.cpuSeconds ?? 0) - cpuBefore;
  const took = ids.map((id) => (createdAt.get(id) ?? Number.NaN) - (sentAt.get(id) ?? Number.NaN));
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
  say(`  event to Job at ${perSecond}/s: p50 ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms`);
  const bare = await measureBarePlacing(plane, ids.length, perSecond);
  const beside = (value: number) => ({ what: "the same calls, nothing around them", value });
  const latency = (share: "p50" | "p99", value: number): Figure => ({
    what: `event to Job created at ${perSecond}/s, ${share}`,
    value,
    unit: "ms",
    beside: beside(bare[share]),
    ...(atMost && { target: { atMost: atMost[share] } }),
  });
  const cpuMs = (cpu / ids.length) * 1000;
  return [
    latency("p50", p50),
    latency("p99", p99),
    {
      what: `CPU of the scheduler at ${perSecond}/s, whole way`,
      value: cpuMs,
      unit: "ms/job",
      beside: beside(bare.cpuMs),
    },
  ];
}

/** When each was sent. */
async function placeAll(
  world: SchedulerWorld,
  ids: readonly string[],
  rate: number,
  createdAt: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  await Promise.all(ids.map((id) => world.accept(id)));
  await sleep(2_000); // all of these are handled
  const sentAt = await atRate(ids, rate, world.split);
  const deadline = performance.now() + LATEST_MS;
  while (ids.some((id) => !createdAt.has(id))) {
    if (performance.now() > deadline) throw new Error("Some jobs got no Kubernetes Job within ten minutes");
    await sleep(50);
  }
  return sentAt;
}
