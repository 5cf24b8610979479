import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlane } from "@gradients/cluster";
import { startChild } from "../child.ts";
import { percentile } from "../statistics.ts";
import { followJobs } from "./follow-jobs.ts";
import { makeNamespace } from "./plane.ts";

export interface BarePlacing {
  readonly p50: number;
  readonly p99: number;
  readonly cpuMs: number;
}

const WARM = 50;

/** The scheduler's three calls for each placement at the same rate, by a program that does nothing else: what API server and machine leave possible. */
export async function measureBarePlacing(
  plane: ControlPlane,
  count: number,
  perSecond: number,
): Promise<BarePlacing> {
  const namespace = `bare-${perSecond}`;
  const client = await makeNamespace(plane.kubeconfig, namespace);
  const stopping = new AbortController();
  const createdAt = new Map<string, number>();
  await followJobs(
    client,
    ({ attemptId }, at) => {
      if (!createdAt.has(attemptId)) createdAt.set(attemptId, performance.timeOrigin + at);
    },
    stopping.signal,
  );
  const program = new URL("./create-program.ts", import.meta.url);
  await using child = await startChild(program, { args: [plane.kubeconfig, namespace] });
  const place = async (prefix: string, size: number) => {
    const ids = Array.from({ length: size }, (_, index) => `${prefix}-${index}`);
    const done = await child.ask<Placed>("placeAtRate", ids, perSecond);
    while (ids.some((id) => !createdAt.has(id))) await sleep(50);
    return done;
  };
  await place("warm", WARM);
  const { sentAt, cpuSeconds } = await place("bare", count);
  stopping.abort();
  await client.transport.close();
  const took = sentAt.map(([id, at]) => (createdAt.get(id) ?? Number.NaN) - at);
  return { p50: percentile(took, 0.5), p99: percentile(took, 0.99), cpuMs: (cpuSeconds / count) * 1000 };
}

interface Placed {
  readonly cpuSeconds: number;
  readonly sentAt: readonly (readonly [string, number])[];
}
