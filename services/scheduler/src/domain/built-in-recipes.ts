import type { RecipeId } from "@gradients/kernel";
import type { UnownedRecipe } from "./recipes.ts";

/** What competes where the operator names no catalogue of his own. The settings are those of the training engine. */
export const builtInRecipes: readonly UnownedRecipe[] = [
  {
    recipeId: "lora-default" as RecipeId,
    title: "LoRA, plain",
    summary: "Adapters on all linear layers with the settings that most guides recommend.",
    method: "lora",
    settings: {
      learning_rate: 2e-4,
      schedule: "linear",
      warmup_fraction: 0.03,
      batch_size: 8,
      max_grad_norm: 1,
      lora: { rank: 16, alpha: 32, target_modules: "all-linear" },
    },
    isDefault: true,
  },
  {
    recipeId: "lora-top" as RecipeId,
    title: "LoRA, upper layers",
    summary:
      "Adapters in the last third of the layers only: cheaper steps, so more of them in the same time.",
    method: "lora",
    settings: {
      learning_rate: 1e-3,
      schedule: "cosine",
      warmup_fraction: 0.05,
      batch_tokens: 1024,
      max_grad_norm: 1,
      lora: { rank: 32, alpha: 32, use_rslora: true, layers: "last-10", target_modules: "all-linear" },
    },
    isDefault: false,
  },
  {
    recipeId: "full-top" as RecipeId,
    title: "Full weights, last blocks",
    summary: "All weights of the last six blocks, no adapters: the most freedom where the answer is formed.",
    method: "full",
    settings: {
      learning_rate: 1e-4,
      schedule: "cosine",
      warmup_fraction: 0.05,
      batch_tokens: 1024,
      weight_decay: 0.01,
      max_grad_norm: 1,
      full: { trainable: "last-6" },
    },
    isDefault: false,
  },
];
