import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  AttemptFailedSchema,
  EvaluationFailedSchema,
  EvaluationRequestedSchema,
  JobAcceptedSchema,
  JobCancelledSchema,
  RaceFinishedSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { AttemptState } from "@gradients/contracts/scheduler";
import { newId } from "@gradients/kernel";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createSilentWorld, reasonOf, type SilentWorld } from "./test/silent-pods.ts";
import { columns, type World } from "./test/world.ts";

let silent: SilentWorld;
let world: World;

beforeAll(async () => {
  silent = await createSilentWorld({ gang: 2, twice: 2, late: 1, failing: 2, small: 1 });
  world = silent.world;
});

afterAll(() => silent[Symbol.asyncDispose]());

test("a race waits until all its attempts can start together", async () => {
  const [first] = await silent.attemptsOf(await world.openJob({ contestants: 1, hardwareClass: "gang" }), 1);
  const relay = await silent.podOf(first?.attemptId ?? "");
  await relay.getAssignment({ epoch: 0 });
  const jobId = await world.openJob({ contestants: 2, hardwareClass: "gang" });
  await silent.attemptsOf(jobId, 2);
  for (let beats = 0; beats < 3; beats++) {
    await relay.report({ epoch: 0, phase: "training" });
    const { attempts } = await silent.service.listAttempts({ jobId });
    expect(attempts.map(({ state }) => state)).toEqual([AttemptState.QUEUED, AttemptState.QUEUED]);
  }
  await relay.finish({ epoch: 0, outcome: { case: "failed", value: { code: "NONFINITE" } } });
  await vi.waitFor(
    async () => {
      const { attempts } = await silent.service.listAttempts({ jobId });
      expect(attempts.map(({ state }) => state)).toEqual([AttemptState.PLACING, AttemptState.PLACING]);
    },
    { timeout: 20_000 },
  );
});

test("events in any order, and twice, open one race; news of a job that has ended opens none", async () => {
  const jobId = newId();
  const order = {
    jobId,
    baseModel: { modelId: "tiny", files: [...(await world.modelFiles())] },
    dataset: { datasetId: "d", object: { key: "k", size: 1n, sha256: "0".repeat(64) }, format: 1, columns },
    contestants: 2,
    budgetSeconds: 5,
    hardwareClass: "twice",
    maxLength: 128,
  };
  const split = { jobId, train: { key: "t", size: 1n, sha256: "0".repeat(64) } };
  for (let round = 0; round < 2; round++) {
    await world.publish(SplitCommittedSchema, split);
    await world.publish(JobAcceptedSchema, order);
  }
  const attempts = await silent.attemptsOf(jobId, 2);
  expect(attempts.map(({ recipeId }) => recipeId)).toEqual(["plain", "wide"]);
  const ended = newId();
  await world.publish(JobCancelledSchema, { jobId: ended });
  await world.publish(SplitCommittedSchema, { ...split, jobId: ended });
  await world.publish(JobAcceptedSchema, { ...order, jobId: ended });
  await world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () =>
    expect(await silent.stateOf(attempts[0]?.attemptId ?? "")).toBe(AttemptState.CANCELLED),
  );
  expect((await silent.service.listAttempts({ jobId: ended })).attempts).toEqual([]);
});

test.each([
  { why: "RACE_TOO_LARGE", options: { contestants: 2, hardwareClass: "small" } },
  { why: "HARDWARE_CLASS_UNKNOWN", options: { hardwareClass: "nowhere" } },
  { why: "RECIPE_UNKNOWN", options: { hardwareClass: "failing", recipeIds: ["secret-sauce"] } },
  { why: "TOO_FEW_RECIPES", options: { hardwareClass: "failing", contestants: 5 } },
])("a race that cannot be held ends at once as $why", async ({ why, options }) => {
  const jobId = await world.openJob(options);
  const race = await vi.waitFor(
    () => world.seen(RaceFinishedSchema).find((event) => event.jobId === jobId) ?? expect.fail("no race"),
    { timeout: 10_000 },
  );
  expect(race.entries.length).toBeGreaterThan(0);
  expect(race.entries.every(({ failure }) => failure?.code === why && failure.customerError)).toBe(true);
  const failures = world.seen(AttemptFailedSchema).filter((event) => event.jobId === jobId);
  expect(failures).toHaveLength(race.entries.length);
});

test("a job's deadline ends what still waits or runs", async () => {
  const { jobId } = await silent.openSolo("late", {
    deadline: timestampFromDate(new Date(Date.now() + 1_500)),
  });
  const race = await vi.waitFor(
    () => world.seen(RaceFinishedSchema).find((event) => event.jobId === jobId) ?? expect.fail("no race"),
    { timeout: 10_000 },
  );
  expect(race.entries).toMatchObject([{ failure: { code: "DEADLINE_EXCEEDED" } }]);
});

test("an evaluation is run once, and its failure is reported in words", async () => {
  const request = {
    jobId: newId(),
    evaluationId: newId(),
    baseModel: { modelId: "tiny", files: [...(await world.modelFiles())] },
    heldout: { key: "private/h", size: 1n, sha256: "0".repeat(64) },
    columns,
    maxLength: 128,
    hardwareClass: "failing",
  };
  await world.publish(EvaluationRequestedSchema, request);
  await world.publish(EvaluationRequestedSchema, request);
  const relay = await silent.podOf(request.evaluationId);
  const { inputs, engineSpecJson } = await relay.getAssignment({ epoch: 0 });
  expect(JSON.parse(engineSpecJson)).toMatchObject({ kind: "evaluate", artifact_dir: null });
  expect(inputs.map(({ path }) => path)).toContain("data/heldout.jsonl");
  await relay.report({ epoch: 0, phase: "evaluating", points: [{ step: 3n, totalSteps: 12n }] });
  const value = { code: "ARTIFACT_UNLOADABLE", message: "tensor x is missing" };
  await relay.finish({ epoch: 0, outcome: { case: "failed", value } });
  const [failed] = await world.waitFor(EvaluationFailedSchema, 1, 10_000);
  expect(failed).toMatchObject({
    evaluationId: request.evaluationId,
    reason: { code: "ARTIFACT_UNLOADABLE" },
  });
  expect(failed?.reason?.message).toContain("tensor x is missing");
  expect((await silent.service.listAttempts({ jobId: request.jobId })).attempts).toHaveLength(1);
  const progress = world.progress.find(({ evaluationId }) => evaluationId === request.evaluationId);
  expect(progress).toMatchObject({ phase: "evaluating", points: [{ step: 3n, totalSteps: 12n }] });
});

test("tells other services about recipes and hardware classes", async () => {
  const { recipes } = await silent.service.listRecipes({});
  expect(recipes).toMatchObject([
    { recipeId: "plain", defaultRecipe: true, method: "lora", settings: { lora: { rank: 4 } } },
    { recipeId: "wide", defaultRecipe: false },
  ]);
  expect(new Set(recipes.map(({ contestantHotkey }) => contestantHotkey)).size).toBe(2);
  const { hardwareClasses } = await silent.service.listHardwareClasses({});
  expect(hardwareClasses.find(({ name }) => name === "failing")).toMatchObject({
    slots: 2,
    threadsPerSlot: 1,
  });
  expect(await reasonOf(silent.service.getAttempt({ attemptId: "nope" }))).toBe("ATTEMPT_NOT_FOUND");
});
