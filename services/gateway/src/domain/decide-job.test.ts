import type { AccountId, DatasetId, ModelId, RecipeId } from "@gradients/kernel";
import { expect, test } from "vitest";
import { decideJob, type JobOrder } from "./decide-job.ts";

const limits = {
  defaultBudgetSeconds: 60,
  minBudgetSeconds: 5,
  maxBudgetSeconds: 600,
  defaultHardwareClass: "local",
  minUsableRows: 64,
};

const decide = (changes: Partial<JobOrder>) =>
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
      model: { modelId: "m" as ModelId, contextLength: 1024 },
      dataset: { datasetId: "d" as DatasetId, state: "ready", usableRows: 100, problem: "" },
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
