import { Attempt_State, Job_State } from "@gradients/contracts/gateway";
import { describe, expect, it } from "vitest";
import { type ClusterFault, clusterFaults } from "./cluster-faults.ts";
import { follow } from "./main-job.ts";
import { applied, emptyRegistry, quotaOnPods } from "./passing-objects.ts";
import { expectInvariants, expectNothingLeft, type Product } from "./product.ts";
import { runningPods } from "./running-pods.ts";
import { attemptsOf, countPlacements } from "./scheduler-door.ts";
import { armSchedulers, disarmSchedulers, schedulerDeaths } from "./schedulers.ts";

const MINUTE = 60_000;
const BUDGET_SECONDS = 15;
/** Two, so that their evaluations and the base model's fit on the node side by side. */
const RACE = { contestants: 2, recipes: ["recipes/lora-top"] } as const;

export function describeFaults(product: () => Product): void {
  describe("while its parts fail", () => {
    const race = (order: object = {}) => {
      const model = product().installation.models.tiny;
      return product().createJob({ model, budgetSeconds: BUDGET_SECONDS, ...RACE, ...order });
    };

    it.each<[string, ClusterFault]>(Object.entries(clusterFaults))(
      "loses, doubles and leaves nothing when %s",
      async (name, strike) => {
        const job = await race();
        await untilRacing();
        const did = await strike(product().installation);
        await expectVerdict(product(), job);
        console.log(`${name}: ${did}; 2 attempts in ${await countPlacements(job)} placements`);
      },
      15 * MINUTE,
    );

    it(
      "loses, doubles and leaves nothing when the scheduler dies between making a Job and noting it",
      async () => {
        await armSchedulers("scheduler.job-created");
        const job = await race();
        await expectVerdict(product(), job);
        const deaths = await schedulerDeaths();
        expect(deaths).toBeGreaterThan(0);
        console.log(
          `killed after a Job was made: ${deaths}; 2 attempts in ${await countPlacements(job)} placements`,
        );
        await disarmSchedulers();
      },
      15 * MINUTE,
    );

    it(
      "waits, and says so, while the quota is used up and while an image cannot be had; fails when there is no such image",
      async () => {
        const { gateway } = product();
        const waitsFor = (job: string) => async () =>
          (await attemptsOf(job)).map(({ waiting }) => `${waiting?.reason}: ${waiting?.message}`).join();
        const quota = await applied(quotaOnPods(1));
        const job = await race();
        await expect
          .poll(waitsFor(job), { timeout: 5 * MINUTE })
          .toMatch(/waiting_for_quota: the quota is used up/);
        await quota[Symbol.asyncDispose]();
        const orphan = await race({ hardwareClass: "imageless", contestants: 1, recipes: [] });
        await expect
          .poll(waitsFor(orphan), { timeout: 5 * MINUTE })
          .toMatch(/pulling_image: the image cannot be fetched yet/);
        await using _registry = await applied(emptyRegistry);
        const failed = await follow(gateway, orphan);
        expect(failed.job.attempts.map(({ state, failure }) => [state, failure?.code])).toEqual([
          [Attempt_State.FAILED, "IMAGE_NOT_FOUND"],
        ]);
        await expectVerdict(product(), job);
        const placements = (await countPlacements(job)) + (await countPlacements(orphan));
        console.log(`quota used up: 1; image missing: 1; 3 attempts in ${placements} placements`);
      },
      15 * MINUTE,
    );
  });
}

async function expectVerdict({ gateway }: Product, name: string): Promise<void> {
  const { job } = await follow(gateway, name);
  expect(job.failure).toBeUndefined();
  expect(job.state).toBe(Job_State.SUCCEEDED);
  expect(job.verdict?.ranking).toHaveLength(RACE.contestants);
  await expectNothingLeft();
  await expectInvariants("scheduler");
}

async function untilRacing(): Promise<void> {
  const running = async () => (await runningPods()).length;
  await expect.poll(running, { timeout: 5 * MINUTE, interval: 200 }).toBe(RACE.contestants);
}
