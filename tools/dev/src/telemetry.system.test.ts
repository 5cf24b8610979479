import { readFile } from "node:fs/promises";
import { ChainService } from "@gradients/contracts/chain";
import { Dataset_State, GatewayService, type Job, Job_State } from "@gradients/contracts/gateway";
import { ScorerService } from "@gradients/contracts/scorer";
import { createRpcClient } from "@gradients/rpc";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ProcessNetwork, startProcessNetwork } from "./testing/process-network.ts";
import { type ReceivedSpan, TelemetryReceiver } from "./testing/telemetry-receiver.ts";

const services = ["chain-bridge", "gateway", "scheduler", "scorer", "trainer-gpu"];
const SERVER = 2;

describe("one job over all five services, each a process of its own", () => {
  const receiver = new TelemetryReceiver();
  let network: ProcessNetwork;
  let job: Job;
  let jobId: string;
  const scrapes = new Map<string, string>();

  beforeAll(async () => {
    network = await startProcessNetwork(await receiver.start());
    job = await runJob(network);
    jobId = job.name.split("/").at(-1) ?? "";
    await askTheOthers(network, jobId);
    for (const [service, url] of Object.entries(network.metrics))
      scrapes.set(service, await (await fetch(url)).text());
    await network.stopServices();
  });

  afterAll(async () => {
    await network?.[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  test("one trace from the order to the weights, with every service and nothing torn off", () => {
    expect(job.state).toBe(Job_State.SUCCEEDED);
    const order = receiver.spans.find(({ name }) => name === "gradients.gateway.v1.GatewayService/CreateJob");
    const spans = receiver.spans.filter(({ traceId }) => traceId === order?.traceId);
    expect([...new Set(spans.map(({ service }) => service))].toSorted()).toEqual(services);
    expect(spans.filter(({ parentSpanId }) => !parentSpanId)).toEqual([order]);
    const known = new Set(receiver.spans.map(({ spanId }) => spanId));
    expect(receiver.spans.filter(({ parentSpanId }) => parentSpanId && !known.has(parentSpanId))).toEqual([]);
    expect(namesOf(spans)).toEqual(
      expect.arrayContaining([
        "gateway: send event.job.accepted",
        "scorer: process event.job.accepted",
        "scheduler: process event.split.committed",
        "scheduler: start pod",
        "trainer-gpu: run attempt",
        ...["staging", "loading", "training", "saving", "evaluating", "uploading"].map(
          (phase) => `trainer-gpu: ${phase}`,
        ),
        "scheduler: gradients.trainer.v1.AttemptService/Finish",
        "gateway: process event.attempt.finished",
        "scorer: process event.evaluation.finished",
        "scorer: scorer judge",
        "gateway: process event.job.scored",
        "chain-bridge: process event.job.scored",
        "chain-bridge: set weights",
        "chain-bridge: send event.weights.set",
        "gateway: process event.weights.set",
      ]),
    );
  });

  test("spans of RPCs and messages speak OpenTelemetry's words", () => {
    const rpcs = receiver.spans.filter(({ attributes }) => "rpc.system.name" in attributes);
    expect(rpcs.length).toBeGreaterThan(10);
    for (const { name, attributes } of rpcs)
      expect(attributes).toMatchObject({
        "rpc.system.name": "grpc",
        "rpc.method": name,
        "rpc.status_code": expect.stringMatching(/^[A-Z_]+$/),
      });
    const messages = receiver.spans.filter(({ attributes }) => "messaging.system" in attributes);
    expect(messages.length).toBeGreaterThan(10);
    for (const { name, attributes } of messages) {
      expect(name).toBe(
        `${String(attributes["messaging.operation.name"])} ${String(attributes["messaging.destination.name"])}`,
      );
      expect(attributes["messaging.message.id"]).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("a phase tells how far it came, and what repeats for hours leaves no spans", () => {
    const training = receiver.spans.find(({ name }) => name === "training");
    expect(Number(training?.attributes["gradients.step"])).toBeGreaterThan(5);
    expect(Number(training?.attributes["gradients.loss"])).toBeGreaterThan(0);
    expect(receiver.spans.filter(({ name }) => name.endsWith("/Report"))).toEqual([]);
    const roots = receiver.spans.filter(({ parentSpanId }) => !parentSpanId);
    const unexpected = roots.filter(
      ({ name, kind }) => kind !== SERVER && !/^(set weights|process event\.reward)/.test(name),
    );
    expect(namesOf(unexpected)).toEqual([]);
  });

  test("each service shows its four golden signals and its business facts by the names of docs/metrics.md", async () => {
    const documented = await documentedMetrics();
    for (const [service, text] of scrapes) {
      const exported = [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, name, kind]) =>
        kind === "histogram" ? `${name}_bucket` : `${name}`,
      );
      expect(exported.filter((name) => name !== "target_info" && !documented.has(name))).toEqual([]);
      expect(exported, service).toEqual(
        expect.arrayContaining([...goldenSignals, ...(facts[service] ?? [])]),
      );
    }
  });

  test("figures are what happened", () => {
    const value = (service: string, series: RegExp) =>
      Number(new RegExp(`^${series.source} (\\S+)$`, "m").exec(scrapes.get(service) ?? "")?.[1]);
    expect(value("gateway", /gradients_jobs_total\{outcome="accepted"[^}]*\}/)).toBe(1);
    expect(value("gateway", /gradients_jobs_total\{outcome="scored"[^}]*\}/)).toBe(1);
    expect(value("gateway", /gradients_jobs_total\{outcome="failed"[^}]*\}/)).toBe(0);
    expect(value("scheduler", /gradients_race_duration_sum\{[^}]*\}/)).toBeGreaterThan(5);
    expect(value("scheduler", /gradients_slots_total\{[^}]*\}/)).toBe(3);
    expect(
      value("scheduler", /gradients_attempt_duration_count\{kind="evaluate",outcome="succeeded"[^}]*\}/),
    ).toBe(3);
    expect(value("scorer", /gradients_bus_outbox_pending\{[^}]*\}/)).toBe(0);
    expect(value("chain-bridge", /gradients_rewards_amount_total\{status="paid"[^}]*\}/)).toBeGreaterThan(0);
    expect(value("chain-bridge", /gradients_weights_age\{[^}]*\}/)).toBeLessThan(60);
    for (const service of scrapes.keys()) expect(value(service, /gradients_service_ready\{[^}]*\}/)).toBe(1);
  });

  test("whoever logs about the job does so in its trace", () => {
    const order = receiver.spans.find(({ name }) => name.endsWith("/CreateJob"));
    const lines = receiver.logs.filter(({ attributes }) => attributes["job_id"] === jobId);
    expect([...new Set(lines.map(({ service }) => service))].toSorted()).toEqual(services);
    expect(lines.filter(({ traceId }) => traceId !== order?.traceId)).toEqual([]);
  });
});

const goldenSignals = [
  "rpc_server_call_duration_bucket",
  "gradients_service_ready",
  "gradients_bus_outbox_pending",
  "gradients_bus_outbox_oldest_age",
  "gradients_bus_dead_letters",
  "gradients_bus_connected",
  "gradients_bus_published_total",
  "gradients_bus_consumed_total",
  "gradients_bus_consumer_pending",
  "gradients_bus_consumer_ack_pending",
  "messaging_process_duration_bucket",
  "db_client_connection_pending_requests",
  "db_client_connection_count",
  "nodejs_eventloop_delay_p99",
  "process_memory_usage",
  "process_cpu_time_total",
];

const facts: Readonly<Record<string, readonly string[]>> = {
  gateway: [
    "gradients_jobs_total",
    "gradients_job_duration_bucket",
    "gradients_dataset_check_failures_total",
  ],
  scheduler: [
    "gradients_attempt_facts_total",
    "gradients_attempt_duration_bucket",
    "gradients_race_duration_bucket",
    "gradients_slots_busy",
    "gradients_slots_total",
  ],
  scorer: ["gradients_scorer_jobs_total", "gradients_evaluations_total", "gradients_verdict_gain_bucket"],
  "chain-bridge": [
    "gradients_weights_age",
    "gradients_weights_submissions_total",
    "gradients_rewards_amount_total",
    "gradients_chain_finalized_age",
  ],
};

async function documentedMetrics(): Promise<ReadonlySet<string>> {
  const text = await readFile(new URL("../../../docs/metrics.md", import.meta.url), "utf8");
  return new Set([...text.matchAll(/^\| `\S+` \| `(\S+)` \|/gm)].map(([, name = ""]) => name));
}

function namesOf(spans: readonly ReceivedSpan[]): readonly string[] {
  return spans.map(({ service, name }) => `${service}: ${name}`);
}

/** The two services that no job calls. */
async function askTheOthers({ addresses }: ProcessNetwork, askedJobId: string): Promise<void> {
  const options = { defaultDeadlineMs: 10_000 };
  const scorer = createRpcClient(ScorerService, { target: addresses.scorer["grpc"] ?? "", ...options });
  const chain = createRpcClient(ChainService, {
    target: addresses["chain-bridge"]["grpc"] ?? "",
    ...options,
  });
  await scorer.getVerdict({ jobId: askedJobId });
  await chain.listRewards({});
  scorer.close();
  chain.close();
}

/** From the sample data to the weights of the job, as a customer sees it. */
async function runJob({ addresses, apiKey }: ProcessNetwork): Promise<Job> {
  const gateway = createRpcClient(GatewayService, {
    target: addresses.gateway["grpc"] ?? "",
    token: apiKey,
    defaultDeadlineMs: 30_000,
  });
  const { project } = await gateway.getCaller({});
  const { dataset } = await gateway.createSampleDataset({ parent: project });
  await vi.waitFor(
    async () => {
      const answer = await gateway.getDataset({ name: dataset?.name ?? "" });
      expect(answer.dataset?.state).toBe(Dataset_State.READY);
    },
    { timeout: 30_000, interval: 200 },
  );
  const { models } = await gateway.listModels({});
  const order = {
    model: models[0]?.name ?? "",
    dataset: dataset?.name ?? "",
    contestants: 2,
    budgetSeconds: 5,
  };
  const { job } = await gateway.createJob({ parent: project, requestId: "traced", job: order });
  const paid = await vi.waitFor(
    async () => {
      const answer = await gateway.getJob({ name: job?.name ?? "" });
      if (!answer.job || answer.job.payments.length === 0) throw new Error("not paid yet");
      return answer.job;
    },
    { timeout: 240_000, interval: 500 },
  );
  gateway.close();
  return paid;
}
