import { Dataset_State } from "@gradients/contracts/gateway";
import { afterAll, beforeAll, expect, test } from "vitest";
import { untilChecked } from "./dataset-upload.ts";
import { type Network, startNetwork } from "./network.ts";
import {
  chainClient,
  expectPayment,
  expectRace,
  expectResult,
  follow,
  gatewayClient,
} from "./testing/main-job.ts";

const BUDGET_SECONDS = 30;

let network: Network;

beforeAll(async () => {
  network = await startNetwork({ logLevel: "error" });
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

test("a job is accepted, raced for, scored, proven and paid, on real parts with the real model", async () => {
  const gateway = gatewayClient(network.addresses.gateway["grpc"] ?? "", network.apiKey);
  const chain = chainClient(network.addresses["chain-bridge"]["grpc"] ?? "");
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

  expectRace(job, points);
  for (const { stats } of job.attempts) {
    // The budget is used up: one more step of mean length would not have fitted.
    const { trainSeconds = 0, steps = 0n } = stats ?? {};
    expect(trainSeconds + trainSeconds / Number(steps)).toBeGreaterThan(BUDGET_SECONDS);
    expect(trainSeconds).toBeGreaterThan(BUDGET_SECONDS * 0.5);
    expect(trainSeconds).toBeLessThan(BUDGET_SECONDS * 1.5);
  }
  const best = job.verdict?.ranking.find(({ attemptId }) => attemptId === job.verdict?.winnerAttemptId);
  expect(best?.gainOverBase?.low).toBeGreaterThan(0.2);
  expect(job.verdict?.samples.length).toBeGreaterThanOrEqual(3);

  await expectResult(gateway, job);
  await expectPayment(chain, job);
  gateway.close();
  chain.close();
});
