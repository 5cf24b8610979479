import { setTimeout as sleep } from "node:timers/promises";
import { Customer } from "@gradients/faults/customer";
import { type System, serviceNames, startSystem } from "@gradients/faults/system";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "nats";
import { type Benchmark, type Findings, number, type RunOptions } from "../benchmark.ts";
import { handleCount, sampleOf } from "../processes.ts";
import { percentile, slope } from "../statistics.ts";

export const soakBenchmark: Benchmark = {
  name: "soak",
  title: "Soak",
  about: "memory, handles and lag of the services while jobs run, one after the other (--minutes)",
  minutes: 30,
  run,
};

const SAMPLE_MS = 5_000;
/** Jobs on their way at a time. */
const IN_FLIGHT = 2;
/** A process grows until its caches and its heap have their size: the slope leaves this share of the run out. */
const WARM_UP_SHARE = 1 / 3;

interface Sample {
  readonly atMs: number;
  readonly processes: ReadonlyMap<string, { readonly rssBytes: number; readonly handles: number }>;
  /** Messages that a consumer has not settled, by consumer. */
  readonly lag: ReadonlyMap<string, number>;
}

async function run({ isQuick, minutes = isQuick ? 1 : 30, say }: RunOptions): Promise<Findings> {
  await using system = await startSystem();
  const connection = await connect({ servers: system.servers.nats.url });
  try {
    const ending = AbortSignal.timeout(minutes * 60_000);
    const samples: Sample[] = [];
    const sampling = sampleUntil(system, connection, samples, ending);
    const jobs = await runJobs(system, ending, say);
    await sampling;
    return findingsOf(samples, jobs, minutes, system.unplannedEnds.length);
  } finally {
    await connection.close();
  }
}

async function runJobs(system: System, ending: AbortSignal, say: (line: string) => void): Promise<number> {
  let done = 0;
  const customerOf = async (index: number) => {
    using customer = new Customer(system, `customer-${index}`);
    await customer.prepare();
    while (!ending.aborted) {
      const { name } = await customer.order();
      await customer.ended(name);
      done += 1;
      if (done % 10 === 0) say(`  ${done} jobs`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => customerOf(index)));
  return done;
}

async function sampleUntil(
  system: System,
  connection: NatsConnection,
  samples: Sample[],
  ending: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  while (!ending.aborted) {
    await sleep(SAMPLE_MS, undefined, { signal: ending }).catch(() => {}); // the end comes between two samples
    samples.push({
      atMs: performance.now() - startedAt,
      processes: await processesOf(system),
      lag: await lagOf(connection),
    });
  }
}

async function processesOf(system: System): Promise<Sample["processes"]> {
  const found = new Map<string, { rssBytes: number; handles: number }>();
  for (const name of serviceNames) {
    const pid = await system.services[name].pid();
    const sample = sampleOf(pid);
    if (sample) found.set(name, { rssBytes: sample.rssBytes, handles: handleCount(pid) });
  }
  return found;
}

async function lagOf(connection: NatsConnection): Promise<Sample["lag"]> {
  const { streams, consumers } = await jetstreamManager(connection);
  const lag = new Map<string, number>();
  for await (const { config } of streams.list())
    for await (const { name, num_pending, num_ack_pending } of consumers.list(config.name))
      lag.set(`${config.name} ${name}`, num_pending + num_ack_pending);
  return lag;
}

function findingsOf(samples: readonly Sample[], jobs: number, minutes: number, ends: number): Findings {
  const consumers = [...new Set(samples.flatMap(({ lag }) => [...lag.keys()]))].toSorted();
  return {
    method: `${jobs} jobs with the tiny model in ${minutes} minutes, ${IN_FLIGHT} at a time with two contestants each, every service and every pod a process of its own; a sample every ${SAMPLE_MS / 1000} s. The slope is that of the line through the samples of the last two thirds. Services that ended unasked: ${ends}.`,
    tables: [
      {
        head: [
          "process",
          "resident memory after a third",
          "at the end",
          "slope",
          "handles after a third",
          "at the end",
        ],
        rows: serviceNames.map((name) => processRow(name, samples)),
      },
      {
        head: ["consumer", "unsettled messages, p99", "largest", "at the end"],
        rows: consumers.map((name) => lagRow(name, samples)),
      },
    ],
    versions: {},
  };
}

function processRow(name: string, samples: readonly Sample[]): readonly string[] {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const points = warm.flatMap(({ atMs, processes }) => {
    const found = processes.get(name);
    return found ? [{ hours: atMs / 3_600_000, mib: found.rssBytes / 2 ** 20, handles: found.handles }] : [];
  });
  const [first, last] = [points[0], points.at(-1)];
  const perHour = slope(points.map(({ hours, mib }) => [hours, mib] as const));
  return [
    name,
    `${number(first?.mib ?? Number.NaN)} MiB`,
    `${number(last?.mib ?? Number.NaN)} MiB`,
    `${perHour.toFixed(1)} MiB/h`,
    String(first?.handles ?? "-"),
    String(last?.handles ?? "-"),
  ];
}

function lagRow(name: string, samples: readonly Sample[]): readonly string[] {
  const lags = samples.flatMap(({ lag }) => lag.get(name) ?? []);
  return [name, String(percentile(lags, 0.99)), String(percentile(lags, 1)), String(lags.at(-1) ?? "-")];
}
