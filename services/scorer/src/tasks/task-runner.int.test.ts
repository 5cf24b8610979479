import { JobFailedSchema, SplitCommittedSchema } from "@gradients/contracts/event";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimTasks, finishTask, LeaseLost } from "../store/tasks.ts";
import { acceptJob, dataset } from "../test/race.ts";
import { createWorld, type World } from "../test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world?.[Symbol.asyncDispose]());

describe("the task runner", () => {
  it("takes over the work of a process that died with it, and the dead one's claim is worth nothing", async () => {
    const broken = await world.startScorer({ SCORER_WORK_FOLDER: "/dev/null/no-folder" });
    const jobId = await acceptJob(world, dataset(150));
    await expect.poll(() => tries(jobId)).toBeGreaterThan(0);
    await broken.stop();
    const [dead] = await claimAll();
    expect(dead).toMatchObject({ kind: "split", jobId });
    const finishByTheDead = () => world.db.tx((tx) => finishTask(tx, dead!));
    await expire(jobId);
    expect(await claimAll()).toMatchObject([{ jobId, epoch: dead!.epoch + 1 }]);
    await expect(finishByTheDead()).rejects.toThrow(LeaseLost);
    await expire(jobId);
    const healthy = await world.startScorer();
    await world.waitFor(SplitCommittedSchema, jobId);
    await expect(finishByTheDead()).rejects.toThrow(LeaseLost);
    expect(world.seen(SplitCommittedSchema, jobId)).toHaveLength(1);
    await healthy.stop();
  });

  it("ends a job whose work kills its process again and again", async () => {
    const jobId = await acceptJobAsleep();
    for (let death = 0; death < 2; death++) {
      await claimAll();
      await expire(jobId);
    }
    const scorer = await world.startScorer({ SCORER_TASKS_MAX_TRIES: "2" });
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({ code: "PROCESS_LOST", customerError: false });
    expect(failed?.reason?.message).toContain("died 2 times while splitting");
    await scorer.stop();
  });

  it("ends a job whose work fails again and again, and does not blame the customer", async () => {
    const scorer = await world.startScorer({ SCORER_TASKS_MAX_TRIES: "2" });
    const jobId = await acceptJob(world, dataset(150), {
      dataset: {
        datasetId: "gone",
        format: 1,
        object: { key: "datasets/gone/original", size: 10n, sha256: "00".repeat(32) },
        columns: { shape: { case: "instruct", value: { instruction: "question", output: "answer" } } },
      },
    });
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({ code: "DATASET_UNREADABLE", customerError: false });
    await scorer.stop();
  });
});

/** A job whose split is known and was never tried: a process without a place for it accepted the job and is gone. */
async function acceptJobAsleep(): Promise<string> {
  const scorer = await world.startScorer({ SCORER_WORK_FOLDER: "/dev/null/no-folder" });
  const jobId = await acceptJob(world, dataset(150));
  await expect.poll(() => tries(jobId)).toBeGreaterThan(0);
  await scorer.stop();
  await world.db.q.updateTable("task").set({ tries: 0 }).where("job_id", "=", jobId).execute();
  return jobId;
}

/** What a process does that dies right after it. */
async function claimAll() {
  await world.db.q
    .updateTable("task")
    .set({ due_at: sql<Date>`now()` })
    .where("kind", "=", "split")
    .execute();
  return claimTasks(world.db, ["split"], 10, 3_600);
}

async function expire(jobId: string): Promise<void> {
  await world.db.q
    .updateTable("task")
    .set({ lease_expires_at: sql<Date>`now() - interval '1 second'` })
    .where("job_id", "=", jobId)
    .execute();
}

async function tries(jobId: string): Promise<number> {
  const row = await world.db.q
    .selectFrom("task")
    .select("tries")
    .where("job_id", "=", jobId)
    .where("kind", "=", "split")
    .executeTakeFirst();
  return row?.tries ?? 0;
}
