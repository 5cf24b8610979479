import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { appendOutbox, type BusTables, event } from "@gradients/bus";
import { AttemptWaitingSchema, WaitReason } from "@gradients/contracts/event";
import { Dataset_State } from "@gradients/contracts/gateway";
import { createDatabase } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { untilChecked } from "./dataset-upload.ts";
import { type Network, startNetwork } from "./network.ts";
import { hasBrowser, launchBrowser, screenshots } from "./testing/browser.ts";
import {
  type Chain,
  chainClient,
  expectPayment,
  expectRace,
  expectResult,
  follow,
  type Gateway,
  gatewayClient,
} from "./testing/main-job.ts";

const BUDGET_SECONDS = 30;
const browserTest = test.skipIf(!hasBrowser);

let network: Network;
let gateway: Gateway;
let chain: Chain;
let project: string;
let followed: ReturnType<typeof follow>;
let jobId: string;
let browser: Browser | undefined;
let page: Page;

beforeAll(async () => {
  network = await startNetwork({ logLevel: "error" });
  gateway = gatewayClient(network.addresses.gateway["grpc"] ?? "", network.apiKey);
  chain = chainClient(network.addresses["chain-bridge"]["grpc"] ?? "");
  project = (await gateway.getCaller({})).project;
  if (hasBrowser) await openPage();
});

afterAll(async () => {
  await browser?.close();
  gateway?.close();
  chain?.close();
  await network?.[Symbol.asyncDispose]();
});

// One race with the real model, seen by a partner's program and by a person at once: a second one would show nothing else and takes minutes.
describe("the main job, on real parts with the real model", () => {
  browserTest("a wrong key is refused in words, the right one opens the page", async () => {
    await page.goto(network.addresses.gateway["http"] ?? "");
    await page.getByLabel("API key").fill(`grd_0123456789_${"0".repeat(64)}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("API key").fill(network.apiKey);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Start your first race").waitFor();
  });

  test("is accepted", async () => {
    const sample = await gateway.createSampleDataset({ parent: project });
    const dataset = await untilChecked(gateway, sample.dataset?.name ?? "");
    expect(dataset.state).toBe(Dataset_State.READY);
    expect(dataset.report?.usableRows).toBeGreaterThanOrEqual(300n);

    const { models } = await gateway.listModels({});
    const { job } = await gateway.createJob({
      parent: project,
      requestId: "the-main-job",
      job: {
        model: models[0]?.name ?? "",
        dataset: dataset.name,
        contestants: 3,
        budgetSeconds: BUDGET_SECONDS,
      },
    });
    jobId = job?.name.split("/").at(-1) ?? "";
    followed = follow(gateway, job?.name ?? "");
    followed.catch(() => {}); // whoever waits for it sees it
  });

  browserTest("a customer watches the race, and takes the winner home", async () => {
    await page.locator(`a[href$="${jobId}"]`).click();
    await page.getByText("Racing").waitFor({ timeout: 60_000 });
    await expect.poll(() => curvePoints(page), { timeout: 60_000, interval: 1_000 }).toBeGreaterThan(3);
    await page.screenshot({ path: join(screenshots, "race.png") });

    await page.reload();
    await expect.poll(() => curvePoints(page), { timeout: 10_000 }).toBeGreaterThan(3);

    await page.getByRole("heading", { name: "Leaderboard" }).waitFor({ timeout: 600_000 });
    await page.getByRole("heading", { name: "Answers to held-out prompts" }).waitFor();
    const link = page.getByRole("link", { name: /safetensors/ });
    const response = await fetch((await link.getAttribute("href")) ?? "");
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100_000);
    await page.getByText("Paid by the chain").waitFor({ timeout: 90_000 });
    await page.screenshot({ path: join(screenshots, "verdict.png"), fullPage: true });
  });

  browserTest(
    "a customer checks the sample and starts a race; what a contestant waits for is shown while it waits",
    async () => {
      await page.getByRole("link", { name: "New job" }).first().click();
      await page.getByRole("button", { name: "Use the sample data" }).click();
      await page.getByText("can be trained on").waitFor();
      await page.screenshot({ path: join(screenshots, "new-job.png") });
      await page.getByRole("slider", { name: /Contestants/ }).fill("2");
      await page.getByRole("radio", { name: "30 s", exact: true }).click();
      await page.getByRole("button", { name: "Start the race" }).click();
      await page.waitForURL(/jobs\/[0-9a-f-]{36}$/);
      const shown = page.url().split("/").at(-1) ?? "";
      const { job } = await gateway.getJob({ name: `${project}/jobs/${shown}` });
      expect(job).toMatchObject({ contestants: 2, budgetSeconds: BUDGET_SECONDS });

      const late = {
        jobId: shown,
        attemptId: newId(),
        recipeId: "full",
        recipeTitle: "A late contestant",
        contestantHotkey: "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
      };
      await tell({ ...late, reason: WaitReason.NO_MACHINE });
      await page.getByText("No machine with the hardware of this job has room.").waitFor();
      await page.getByText(/Waiting for [2-9] s/).waitFor();
      await page.screenshot({ path: join(screenshots, "waiting.png") });
      await tell({ ...late, reason: WaitReason.UNSPECIFIED });
      await page.getByText(/^Waiting for \d+ s/).waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("Cancelled").waitFor();
    },
  );

  test("is raced for, scored, proven and paid", async () => {
    expect(followed).toBeDefined();
    const { job, points } = await followed;
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
  });
});

async function openPage(): Promise<void> {
  await mkdir(screenshots, { recursive: true });
  browser = await launchBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 1500 } });
  page.setDefaultTimeout(30_000);
}

/** Number of distinct values that the plot's legend can show: the drawn points of all curves. */
async function curvePoints(page: Page): Promise<number> {
  return Number(
    await page.getByRole("img", { name: "Training loss of each contestant" }).getAttribute("data-points"),
  );
}

/** As the scheduler does it; its relay sends it. Pods on this machine have nothing to wait for. */
async function tell(waiting: MessageInitShape<typeof AttemptWaitingSchema>): Promise<void> {
  const url = network.environments.scheduler["SCHEDULER_DATABASE_URL"] ?? "";
  const options = { url, schema: "scheduler", applicationName: "web page test", poolSize: 1 };
  const db = createDatabase<BusTables>(options, createLogger({ service: "test", level: "error" }));
  const told = event(AttemptWaitingSchema, waiting, { aggregateId: waiting.jobId ?? "" });
  try {
    await db.tx((tx) => appendOutbox(tx, [told]));
  } finally {
    await db.close();
  }
}
