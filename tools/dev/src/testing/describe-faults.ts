import { Attempt_State, type Job } from "@gradients/contracts/gateway";
import { describe, expect, it } from "vitest";
import { faultyRaces } from "./cluster-faults.ts";
import { follow } from "./main-job.ts";
import { applied, emptyRegistry, quotaOnPods } from "./passing-objects.ts";
import { engineOf } from "./pod-processes.ts";
import type { Product } from "./product.ts";
import { attemptIn, runningPods } from "./running-pods.ts";
import { attemptsOf, countPlacements } from "./scheduler-door.ts";
import { armSchedulers, disarmSchedulers, schedulerDeaths } from "./schedulers.ts";
import { expectVerdict, smallRace, untilRacing } from "./small-race.ts";
import { starve } from "./starve.ts";

const MINUTE = 60_000;

export function describeFaults(product: () => Product): void {
  describe("while its parts fail", () => {
    const race = (order: object = {}) => {
      const model = product().installation.models.tiny;
      return product().createJob({ model, ...smallRace, ...order });
    };

    it.each(faultyRaces)(
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
        try {
          const job = await race();
          await expectVerdict(product(), job);
          const deaths = await schedulerDeaths();
          expect(deaths).toBeGreaterThan(0);
          const placements = await countPlacements(job);
          console.log(`killed after a Job was made: ${deaths}; 2 attempts in ${placements} placements`);
        } finally {
          await disarmSchedulers();
        }
      },
      15 * MINUTE,
    );

    it(
      "fails the attempt alone whose engine runs out of memory",
      async () => {
        const job = await race();
        await untilRacing();
        const [pod = ""] = await runningPods();
        const starved = await attemptIn(pod);
        await expect.poll(() => hasFigures(product(), job, starved), { timeout: 5 * MINUTE }).toBe(true);
        await starve(await engineOf(pod));
        expectFailed(await expectVerdict(product(), job), starved, "OUT_OF_MEMORY");
        console.log(
          `an engine runs out of memory: 1; 2 attempts in ${await countPlacements(job)} placements`,
        );
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

/** Has told of its training. */
async function hasFigures({ gateway }: Product, name: string, attempt: string): Promise<boolean> {
  const { job } = await gateway.getJob({ name });
  return job?.attempts.find(({ attemptId }) => attemptId === attempt)?.latest !== undefined;
}

/** That attempt alone, which is out of the race; the other has won it. */
function expectFailed({ attempts, verdict }: Job, failed: string, code: string): void {
  const failures = attempts.filter(({ failure }) => failure !== undefined);
  expect(failures).toMatchObject([{ attemptId: failed, state: Attempt_State.FAILED, failure: { code } }]);
  expect(verdict?.ranking).toMatchObject([
    { rank: 1 },
    { attemptId: failed, rank: 0, disqualification: { code } },
  ]);
}
