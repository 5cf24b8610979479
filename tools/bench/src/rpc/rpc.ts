import { readFile } from "node:fs/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { GatewayService, GetJobResponseSchema } from "@gradients/contracts/gateway";
import { Customer } from "@gradients/faults/customer";
import { type System, startSystem } from "@gradients/faults/system";
import { createRpcClient } from "@gradients/rpc";
import { type Benchmark, type Figure, type Findings, figureTable, type RunOptions } from "../benchmark.ts";
import { type Child, startChild } from "../child.ts";
import { cpuSecondsOf, sampleOf } from "../processes.ts";
import { median, percentile } from "../statistics.ts";
import type { Load } from "./client-program.ts";

export const rpcBenchmark: Benchmark = {
  name: "rpc",
  title: "Unary reads over gRPC",
  about: "reads per second and core of the gateway and of our adapter, beside bare grpc-js",
  minutes: 2,
  run,
};

const IN_FLIGHT = 32;
const kinds = ["bare", "adapter", "gateway"] as const;
type Kind = (typeof kinds)[number];

async function run(options: RunOptions): Promise<Findings> {
  // One key makes all calls here, more than any customer may.
  const unlimited = { GATEWAY_RATE_LIMIT_PER_SECOND: "1000000", GATEWAY_RATE_LIMIT_BURST: "1000000" };
  await using system = await startSystem({ env: { gateway: unlimited } });
  const job = await finishedJob(system, options);
  await using server = await startChild(new URL("./server-program.ts", import.meta.url), options);
  await using client = await startChild(new URL("./client-program.ts", import.meta.url), options);
  const answer = toBinary(GetJobResponseSchema, create(GetJobResponseSchema, { job }));
  const subjects: Record<Kind, Subject> = {
    bare: { target: await server.ask("startBare", answer), cpu: () => server.ask<number>("cpu") },
    adapter: { target: await server.ask("startAdapter", answer), cpu: () => server.ask<number>("cpu") },
    gateway: { target: system.targets.gateway, cpu: await cpuOf(system) },
  };
  const measure = async (kind: Kind, seconds: number) =>
    load({ client, subject: subjects[kind], seconds, token: system.apiKey, name: job.name });
  for (const kind of kinds) await measure(kind, 2);
  const rounds = { bare: [], adapter: [], gateway: [] } as Record<Kind, Measured[]>;
  for (let index = 0; index < (options.isQuick ? 1 : 4); index += 1)
    for (const kind of index % 2 ? kinds.toReversed() : kinds) {
      rounds[kind].push(await measure(kind, options.isQuick ? 2 : 5));
      options.say(`  ${kind}: ${Math.round(rounds[kind].at(-1)?.perCore ?? 0)} reads/s per core`);
    }
  return {
    method: `GetJob, an answer of ${answer.length} bytes (a finished job with two attempts and its verdict), ${IN_FLIGHT} calls at a time from a process of its own, the servers in turns. A core is one second of the server process's own CPU time, so that the client's share of the machine does not count. Bare is grpc-js with protobuf-es codecs and nothing else; the adapter adds validation, deadlines, error details, traces and figures; the gateway also looks up the key and reads the job from PostgreSQL, whose CPU stands apart. Medians of ${rounds.bare.length} rounds.`,
    tables: [figureTable(figures(rounds))],
    versions: {
      "grpc-js": await packageVersion("@grpc/grpc-js"),
      "protobuf-es": await packageVersion("@bufbuild/protobuf"),
    },
  };
}

async function finishedJob(system: System, { say }: RunOptions) {
  using customer = new Customer(system);
  await customer.prepare();
  const { name } = await customer.order();
  say("  a job runs, to be read later");
  await customer.ended(name);
  const gateway = createRpcClient(GatewayService, {
    target: system.targets.gateway,
    token: system.apiKey,
    defaultDeadlineMs: 10_000,
  });
  const { job } = await gateway.getJob({ name });
  gateway.close();
  if (!job) throw new Error(`${name} is gone`);
  return job;
}

interface Subject {
  readonly target: string;
  readonly cpu: () => Promise<number>;
}

async function cpuOf(system: System): Promise<() => Promise<number>> {
  const pid = await system.services.gateway.pid();
  return async () => sampleOf(pid)?.cpuSeconds ?? Number.NaN;
}

interface Measured {
  readonly perCore: number;
  readonly p50: number;
  readonly p99: number;
  readonly postgresMicros: number;
}

interface Order {
  readonly client: Child;
  readonly subject: Subject;
  readonly seconds: number;
  readonly token: string;
  readonly name: string;
}

async function load({ client, subject, seconds, token, name }: Order): Promise<Measured> {
  const [before, postgresBefore] = [await subject.cpu(), cpuSecondsOf("postgres")];
  const wish: Load = { target: subject.target, token, name, seconds, inFlight: IN_FLIGHT };
  const took = await client.ask<readonly number[]>("load", wish);
  const cpu = (await subject.cpu()) - before;
  return {
    perCore: took.length / cpu,
    p50: percentile(took, 0.5),
    p99: percentile(took, 0.99),
    postgresMicros: ((cpuSecondsOf("postgres") - postgresBefore) / took.length) * 1e6,
  };
}

function figures(rounds: Readonly<Record<Kind, readonly Measured[]>>): readonly Figure[] {
  const middle = (kind: Kind, pick: (measured: Measured) => number) => median(rounds[kind].map(pick));
  const bare = { what: "bare grpc-js", value: middle("bare", ({ perCore }) => perCore) };
  const bareP99 = { what: "bare grpc-js", value: middle("bare", ({ p99 }) => p99) };
  const unit = "reads/s per core";
  return [
    { what: "our adapter", value: middle("adapter", ({ perCore }) => perCore), unit, beside: bare },
    {
      what: "gateway, GetJob",
      value: middle("gateway", ({ perCore }) => perCore),
      unit,
      beside: bare,
      target: { atLeast: 2_000 },
    },
    {
      what: "gateway, PostgreSQL's CPU",
      value: middle("gateway", ({ postgresMicros }) => postgresMicros),
      unit: "us/read",
    },
    { what: "gateway, p50", value: middle("gateway", ({ p50 }) => p50), unit: "ms" },
    { what: "gateway, p99", value: middle("gateway", ({ p99 }) => p99), unit: "ms", beside: bareP99 },
  ];
}

async function packageVersion(name: string): Promise<string> {
  const file = new URL(`../../../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(await readFile(file, "utf8")) as { readonly version: string }).version;
}
