import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { appendOutbox, type BusTables, event } from "@gradients/bus";
import { AttemptWaitingSchema, WaitReason } from "@gradients/contracts/event";
import { createDatabase } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { type Network, startNetwork } from "./network.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser"].find(
  (path) => existsSync(path),
);
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const screenshots = join(paths.cache, "screenshots");

describe.skipIf(executablePath === undefined)("the web page in a real browser", () => {
  let network: Network;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    await mkdir(screenshots, { recursive: true });
    network = await startNetwork({ logLevel: "error" });
    browser = await chromium.launch({ executablePath: executablePath ?? "", args });
    page = await browser.newPage({ viewport: { width: 1280, height: 1500 } });
    page.setDefaultTimeout(30_000);
  });

  afterAll(async () => {
    await browser?.close();
    await network?.[Symbol.asyncDispose]();
  });

  test("a wrong key is refused in words, the right one opens the page", async () => {
    await page.goto(network.addresses.gateway["http"] ?? "");
    await page.getByLabel("API key").fill(`grd_0123456789_${"0".repeat(64)}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("API key").fill(network.apiKey);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Start your first race").waitFor();
  });

  test("a customer checks the sample, starts a race, watches it, and takes the winner home", async () => {
    await page.getByRole("link", { name: "New job" }).first().click();
    await page.getByRole("button", { name: "Use the sample data" }).click();
    await page.getByText("can be trained on").waitFor();
    await page.screenshot({ path: join(screenshots, "new-job.png") });
    await page.getByRole("slider", { name: /Contestants/ }).fill("2");
    await page.getByRole("radio", { name: "30 s", exact: true }).click();
    await page.getByRole("button", { name: "Start the race" }).click();

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

  test("what a contestant waits for is shown while it waits", async () => {
    await page.getByRole("link", { name: "New job" }).first().click();
    await page.getByRole("button", { name: "Use the sample data" }).click();
    await page.getByText("can be trained on").waitFor();
    await page.getByRole("button", { name: "Start the race" }).click();
    await page.waitForURL(/jobs\/[0-9a-f-]{36}$/);
    const late = {
      jobId: page.url().split("/").at(-1) ?? "",
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
  });

  /** As the scheduler does it; its relay sends it. Pods on this machine have nothing to wait for. */
  async function tell(waiting: MessageInitShape<typeof AttemptWaitingSchema>): Promise<void> {
    const url = network.environments.scheduler["SCHEDULER_DATABASE_URL"] ?? "";
    const options = { url, schema: "scheduler", applicationName: "web page test", poolSize: 1 };
    const db = createDatabase<BusTables>(options, createLogger({ service: "test", level: "error" }));
    const told = event(AttemptWaitingSchema, waiting, { aggregateId: waiting.jobId ?? "" });
    await db.tx((tx) => appendOutbox(tx, [told]));
    await db.close();
  }
});

/** Number of distinct values that the plot's legend can show: the drawn points of all curves. */
async function curvePoints(page: Page): Promise<number> {
  return Number(
    await page.getByRole("img", { name: "Training loss of each contestant" }).getAttribute("data-points"),
  );
}
