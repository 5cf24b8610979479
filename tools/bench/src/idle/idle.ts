import { setTimeout as sleep } from "node:timers/promises";
import { type ServiceName, type System, serviceNames, startSystem } from "@gradients/faults/system";
import { type Benchmark, type Findings, number, type RunOptions } from "../benchmark.ts";
import { descendants, handleCount, sampleOf } from "../processes.ts";
import { median } from "../statistics.ts";

export const idleBenchmark: Benchmark = {
  name: "idle",
  title: "Idle services",
  about: "memory and CPU of each service with nothing to do, and how long it takes to start",
  minutes: 2,
  run,
};

const servers = { PostgreSQL: "postgres", NATS: "nats-server", SeaweedFS: "weed" };

async function run({ isQuick, say }: RunOptions): Promise<Findings> {
  await using system = await startSystem();
  const starts = await startTimes(system, isQuick ? 1 : 5);
  say("  started anew, now idle");
  await sleep(isQuick ? 2_000 : 10_000); // what a start leaves behind is collected
  const seconds = isQuick ? 5 : 60;
  const pids = await pidsOf(system);
  const before = sample(pids);
  await sleep(seconds * 1000);
  const after = sample(pids);
  const rows = [...after].map(([name, { rssBytes, cpuSeconds, handles }]) => [
    name,
    `${number(rssBytes / 2 ** 20)} MiB`,
    `${number(((cpuSeconds - (before.get(name)?.cpuSeconds ?? 0)) / seconds) * 1000)} ms/s`,
    handles === undefined ? "" : String(handles),
    starts.has(name as ServiceName) ? `${number(median(starts.get(name as ServiceName) ?? []))} s` : "",
  ]);
  return {
    method: `Each service in a process of its own, as in a cluster, on its own PostgreSQL schema, for ${seconds} s after ${starts.get("gateway")?.length} restarts. Resident memory at the end; CPU is milliseconds of a core per second (what watches, leases, relays and polls cost). A start counts from the spawn to the service's own word that it serves, with Node's compile cache warm; median. trainer-gpu has no idle form: it is a pod that lives as long as its attempt. The servers that they share stand below them.`,
    tables: [{ head: ["process", "resident memory", "CPU", "open files and sockets", "start"], rows }],
    versions: {},
  };
}

async function startTimes(
  system: System,
  times: number,
): Promise<ReadonlyMap<ServiceName, readonly number[]>> {
  const taken = new Map<ServiceName, number[]>(serviceNames.map((name) => [name, []]));
  for (let round = 0; round < times; round += 1)
    for (const name of serviceNames) {
      await system.services[name].stop();
      const startedAt = performance.now();
      await system.services[name].start();
      taken.get(name)?.push((performance.now() - startedAt) / 1000);
    }
  return taken;
}

async function pidsOf(system: System): Promise<ReadonlyMap<string, number>> {
  return new Map(
    await Promise.all(serviceNames.map(async (name) => [name, await system.services[name].pid()] as const)),
  );
}

interface Usage {
  readonly rssBytes: number;
  readonly cpuSeconds: number;
  readonly handles?: number;
}

function sample(pids: ReadonlyMap<string, number>): ReadonlyMap<string, Usage> {
  const usage = new Map<string, Usage>();
  for (const [name, pid] of pids) {
    const found = sampleOf(pid);
    if (found) usage.set(name, { ...found, handles: handleCount(pid) });
  }
  const all = descendants();
  for (const [name, program] of Object.entries(servers)) {
    const own = all.filter((one) => one.program === program);
    if (own.length > 0)
      usage.set(name, {
        rssBytes: sum(own.map(({ rssBytes }) => rssBytes)),
        cpuSeconds: sum(own.map(({ cpuSeconds }) => cpuSeconds)),
      });
  }
  return usage;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
