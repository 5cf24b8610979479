import { createHash } from "node:crypto";
import { ChainService, SubmissionState } from "@gradients/contracts/chain";
import {
  Attempt_State,
  Dataset_State,
  GatewayService,
  type Job,
  Job_State,
} from "@gradients/contracts/gateway";
import { createRpcClient } from "@gradients/rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Network, startNetwork } from "./network.ts";

const BUDGET_SECONDS = 30;

let network: Network;

beforeAll(async () => {
  network = await startNetwork({ logLevel: "error" });
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

test("a job is accepted, raced for, scored, proven and paid, on real parts with the real model", async () => {
  const gateway = createRpcClient(GatewayService, {
    target: network.addresses.gateway["grpc"] ?? "",
    token: network.apiKey,
    defaultDeadlineMs: 30_000,
  });
  const { project } = await gateway.getCaller({});
  const sample = await gateway.createSampleDataset({ parent: project });
  const dataset = await untilChecked(gateway, sample.dataset?.name ?? "");
  expect(dataset.state).toBe(Dataset_State.READY);
  expect(dataset.report?.usableRows).toBeGreaterThanOrEqual(300n);

  const { models } = await gateway.listModels({});
  const { job: accepted } = await gateway.createJob({
    parent: project,
    requestId: "the-main-job",
    job: {
      model: models[0]?.name ?? "",
      dataset: dataset.name,
      contestants: 3,
      budgetSeconds: BUDGET_SECONDS,
    },
  });
  const { job, points } = await follow(gateway, accepted?.name ?? "");

  expect(job.failure).toBeUndefined();
  expect(job.state).toBe(Job_State.SUCCEEDED);
  expect(job.attempts.map(({ state }) => state)).toEqual(Array(3).fill(Attempt_State.SUCCEEDED));
  for (const { attemptId, stats } of job.attempts) {
    // The budget is used up: one more step of mean length would not have fitted.
    const { trainSeconds = 0, steps = 0n } = stats ?? {};
    expect(trainSeconds + trainSeconds / Number(steps)).toBeGreaterThan(BUDGET_SECONDS);
    expect(trainSeconds).toBeGreaterThan(BUDGET_SECONDS * 0.5);
    expect(stats?.trainSeconds).toBeLessThan(BUDGET_SECONDS * 1.5);
    expect(points.get(attemptId) ?? 0).toBeGreaterThan(2);
  }
  const best = job.verdict?.ranking.find(({ attemptId }) => attemptId === job.verdict?.winnerAttemptId);
  expect(best?.gainOverBase?.low).toBeGreaterThan(0.2);
  expect(job.verdict?.samples.length).toBeGreaterThanOrEqual(3);

  await expectResult(gateway, job);
  await expectPayment(job);
  gateway.close();
});

type Gateway = ReturnType<typeof createRpcClient<typeof GatewayService>>;

async function untilChecked(gateway: Gateway, name: string) {
  for (;;) {
    const { dataset } = await gateway.getDataset({ name });
    if (dataset && dataset.state !== Dataset_State.CHECKING) return dataset;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Follows the job to its end; counts the curve points of each attempt and checks that offsets grow by one. */
async function follow(gateway: Gateway, name: string): Promise<{ job: Job; points: Map<string, number> }> {
  const points = new Map<string, number>();
  let offset = 0n;
  for await (const message of gateway.watchJob({ name })) {
    if (message.offset > 0n) {
      expect(message.offset).toBeGreaterThan(offset);
      offset = message.offset;
    }
    const { event } = message;
    if (event.case === "progress" && event.value.evaluationId === "") {
      points.set(event.value.attemptId, (points.get(event.value.attemptId) ?? 0) + event.value.points.length);
    }
    if (event.case === "job" && event.value.state >= Job_State.SUCCEEDED) return { job: event.value, points };
  }
  throw new Error("the watch ended before the job did");
}

/** The winner and the evidence can be downloaded, what comes has the digests that were promised, and the held-out rows open the commitment. */
async function expectResult(gateway: Gateway, job: Job): Promise<void> {
  const result = await gateway.getJobResult({ name: job.name });
  expect(result.files.map(({ fileName }) => fileName).join()).toMatch(/safetensors/);
  const evidence = await fetch(result.evidence?.url ?? "");
  const body = Buffer.from(await evidence.arrayBuffer());
  expect(createHash("sha256").update(body).digest("hex")).toBe(job.verdict?.evidenceSha256);
  const heldout = Buffer.from(await (await fetch(result.heldout?.url ?? "")).arrayBuffer());
  const opened = createHash("sha256")
    .update(Buffer.from(job.verdict?.revealedSalt ?? "", "hex"))
    .update(heldout);
  expect(opened.digest("hex")).toBe(job.heldoutCommitment);
  for (const file of result.files) {
    const bytes = Buffer.from(await (await fetch(file.url)).arrayBuffer());
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(file.sha256);
  }
}

/** The winner's hotkey has weight in a finalized block and is credited by the chain. */
async function expectPayment(job: Job): Promise<void> {
  const chain = createRpcClient(ChainService, {
    target: network.addresses["chain-bridge"]["grpc"] ?? "",
    defaultDeadlineMs: 10_000,
  });
  const winner = job.verdict?.ranking.find(({ rank }) => rank === 1)?.contestantHotkey;
  await expect
    .poll(async () => (await chain.listWeightSubmissions({})).submissions, { timeout: 60_000, interval: 500 })
    .toContainEqual(
      expect.objectContaining({
        state: SubmissionState.FINALIZED,
        weights: expect.arrayContaining([expect.objectContaining({ hotkey: winner })]),
      }),
    );
  await expect
    .poll(async () => (await chain.listRewards({})).totals.map(({ hotkey }) => hotkey), {
      timeout: 60_000,
      interval: 500,
    })
    .toContain(winner);
  chain.close();
}
