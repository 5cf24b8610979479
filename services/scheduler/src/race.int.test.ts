import {
  AttemptFinishedSchema,
  AttemptStartedSchema,
  EvaluationFinishedSchema,
  RaceFinishedSchema,
} from "@gradients/contracts/event";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, type World } from "./test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(() => world[Symbol.asyncDispose]());

test("a race of two recipes trains a real model and its artifact is evaluated", {
  timeout: 180_000,
}, async () => {
  await world.startScheduler();
  const jobId = await world.openJob();
  const [race] = await world.waitFor(RaceFinishedSchema, 1, 120_000);
  expect(
    race?.entries.map(({ recipeId, defaultRecipe, failure }) => ({ recipeId, defaultRecipe, failure })),
  ).toEqual([
    { recipeId: "plain", defaultRecipe: true, failure: undefined },
    { recipeId: "wide", defaultRecipe: false, failure: undefined },
  ]);
  expect(world.seen(AttemptStartedSchema)).toHaveLength(2);
  const [finished] = world.seen(AttemptFinishedSchema);
  const entry = race?.entries.find(({ attemptId }) => attemptId === finished?.attemptId);
  expect(entry?.finishedAt).toEqual(finished?.finishedAt);
  expect(finished?.artifact.map(({ name }) => name).toSorted()).toEqual([
    "adapter_config.json",
    "adapter_model.safetensors",
  ]);
  expect(Number(finished?.stats?.steps)).toBeGreaterThan(3);
  const evaluationId = await world.requestEvaluation(jobId, finished);
  const [evaluated] = await world.waitFor(EvaluationFinishedSchema, 1, 90_000);
  expect(evaluated).toMatchObject({
    jobId,
    evaluationId,
    checks: { loads: true, finite: true, changed: true, safetensorsOnly: true },
  });
});
