import type { RecipeId } from "@gradients/kernel";
import type { UnownedRecipe } from "./recipes.ts";

/** What competes where the operator names no catalogue of his own. The settings are those of the training engine. */
export const builtInRecipes: readonly UnownedRecipe[] = [
  {
    recipeId: "lora-default" as RecipeId,
    title: "LoRA, plain",
    summary: "Small adapters on all linear layers with settings that suit most data.",
    method: "lora",
    settings: {
      learning_rate: 1e-3,
      schedule: "linear",
      warmup_fraction: 0.05,
      batch_size: 4,
      lora: { rank: 8, alpha: 16, target_modules: "all-linear", layers: "all" },
    },
    isDefault: true,
  },
  {
    recipeId: "lora-top" as RecipeId,
    title: "LoRA, upper layers",
    summary: "Larger adapters in the last twenty layers only: cheaper steps at a higher learning rate.",
    method: "lora",
    settings: {
      learning_rate: 2e-3,
      schedule: "linear",
      warmup_fraction: 0.05,
      batch_size: 4,
      lora: { rank: 16, alpha: 32, target_modules: "all-linear", layers: "last-20" },
    },
    isDefault: false,
  },
  {
    recipeId: "full-top" as RecipeId,
    title: "Full weights, last blocks",
    summary: "All weights of the last ten blocks, no adapters: the most freedom where the answer is formed.",
    method: "full",
    settings: {
      learning_rate: 3e-4,
      schedule: "linear",
      warmup_fraction: 0.05,
      batch_size: 4,
      weight_decay: 0.01,
      full: { trainable: "last-10" },
    },
    isDefault: false,
  },
];
