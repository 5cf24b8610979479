import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AttemptFailedSchema, AttemptFinishedSchema, AttemptStartedSchema } from "@gradients/contracts/event";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { agentPid, enginePid } from "./test/processes.ts";
import { createWorld, rows, type World } from "./test/world.ts";

const TIMEOUT = 120_000;

let world: World;

beforeAll(async () => {
  world = await createWorld();
  const catalogue = join(world.fleetDir, "../odd-recipes.json");
  const plain = { title: "Plain", summary: "LoRA.", method: "lora" };
  const settings = { learning_rate: 1e-3, batch_size: 2, lora: { rank: 4 } };
  await writeFile(
    catalogue,
    JSON.stringify([
      { ...plain, id: "plain", settings, default: true },
      { ...plain, id: "odd", settings: { ...settings, magic: true } },
    ]),
  );
  await world.startScheduler({ SCHEDULER_RECIPES_FILE: catalogue });
});

afterAll(() => world[Symbol.asyncDispose]());

async function failureOf(jobId: string) {
  return vi.waitFor(
    () =>
      world.seen(AttemptFailedSchema).find((event) => event.jobId === jobId)?.reason ??
      expect.fail("no failure"),
    { timeout: 60_000 },
  );
}

test("data that does not fit fails as the customer's, with the row's number", {
  timeout: TIMEOUT,
}, async () => {
  const jobId = await world.openJob({
    contestants: 1,
    trainRows: `${rows(2)}{"row":3,"question":"no answer"}\n`,
  });
  const reason = await failureOf(jobId);
  expect(reason).toMatchObject({ code: "DATA_INVALID", customerError: true });
  expect(reason.message).toContain("row 3");
});

test("a setting that the engine does not know fails only its own recipe", { timeout: TIMEOUT }, async () => {
  const jobId = await world.openJob({ contestants: 2, budgetSeconds: 2 });
  const reason = await failureOf(jobId);
  expect(reason).toMatchObject({ code: "SPEC_INVALID", customerError: false });
  expect(reason.message).toContain("magic");
  await vi.waitFor(
    () => expect(world.seen(AttemptFinishedSchema).map((event) => event.jobId)).toContain(jobId),
    {
      timeout: 60_000,
    },
  );
});

test("an engine that is killed gets another try", { timeout: TIMEOUT }, async () => {
  const jobId = await world.openJob({ contestants: 1, budgetSeconds: 2 });
  const started = () => world.seen(AttemptStartedSchema).filter((event) => event.jobId === jobId);
  const attemptId = await vi.waitFor(() => started()[0]?.attemptId ?? expect.fail("not started"), {
    timeout: 30_000,
  });
  process.kill(await enginePid(await agentPid(world, attemptId)), "SIGKILL");
  await vi.waitFor(() => expect(started().map(({ epoch }) => epoch)).toEqual([0, 1]), { timeout: 30_000 });
  await vi.waitFor(
    () => expect(world.seen(AttemptFinishedSchema).map((event) => event.jobId)).toContain(jobId),
    {
      timeout: 60_000,
    },
  );
});
