import type { AccountId, DatasetId, ModelId, RecipeId } from "@gradients/kernel";
import { expect, test } from "vitest";
import { decideJob, type JobOrder } from "./decide-job.ts";

const limits = {
  defaultBudgetSeconds: 60,
  minBudgetSeconds: 5,
  maxBudgetSeconds: 600,
  minUsableRows: 64,
};

const decide = (changes: Partial<JobOrder>, data = {}) =>
  decideJob(
    {
      displayName: "",
      model: "models/m",
      dataset: "projects/p/datasets/d",
      contestants: 0,
      recipes: [],
      budgetSeconds: 0,
      hardwareClass: "",
      maxLength: 0,
      ...changes,
    },
    {
      projectId: "p" as AccountId,
      model: { modelId: "m" as ModelId, contextLength: 2048 },
      dataset: {
        datasetId: "d" as DatasetId,
        state: "ready",
        usableRows: 100,
        longRows: 0,
        trainingLength: 1024,
        problem: "",
        ...data,
      },
      knownModels: [],
      knownRecipes: ["plain", "wide", "full", "slow"].map((id) => id as RecipeId),
      defaultRecipe: "plain" as RecipeId,
      knownHardwareClasses: [
        { name: "local", slots: 3 },
        { name: "small", slots: 2 },
      ],
      limits,
    },
  );

test("a job that names no hardware class runs on the first one", () => {
  expect(decide({})).toMatchObject({ ok: true, value: { hardwareClass: "local" } });
  expect(decide({ hardwareClass: "small" })).toMatchObject({ ok: true, value: { hardwareClass: "small" } });
});

const contestants = (changes: Partial<JobOrder>) => {
  const decision = decide(changes);
  return decision.ok
    ? decision.value.contestants
    : decision.error.map(({ field, reason }) => [field, reason]);
};

test("the default recipe counts as a contestant beside the picked ones", () => {
  expect(contestants({ recipes: ["recipes/wide", "recipes/full"] })).toBe(3);
  expect(contestants({ recipes: ["recipes/wide", "recipes/full"], contestants: 2 })).toBe(3);
  expect(contestants({ recipes: ["recipes/plain", "recipes/full"] })).toBe(2);
});

test("no more compete than the hardware runs at the same time", () => {
  expect(contestants({})).toBe(3);
  expect(contestants({ hardwareClass: "small" })).toBe(2);
  expect(contestants({ contestants: 4 })).toEqual([["job.contestants", "CONTESTANTS_ABOVE_SLOTS"]]);
  expect(contestants({ recipes: ["recipes/wide", "recipes/full", "recipes/slow"] })).toEqual([
    ["job.recipes", "RECIPES_ABOVE_SLOTS"],
  ]);
  expect(contestants({ hardwareClass: "small", contestants: 3 })).toEqual([
    ["job.contestants", "CONTESTANTS_ABOVE_SLOTS"],
  ]);
});

test("rows that are too long to train on do not count, unless the job lets them in", () => {
  const long = { longRows: 40 };
  const refused = decide({}, long);
  expect(refused.ok ? [] : refused.error).toEqual([
    {
      field: "job.dataset",
      reason: "DATASET_TOO_SMALL",
      description:
        "must have at least 64 usable rows; found 60 and 40 that are longer than the job's max_length of 1024 tokens",
    },
  ]);
  expect(decide({ maxLength: 2048 }, long).ok).toBe(true);
  expect(decide({}, { longRows: 36 }).ok).toBe(true);
});
