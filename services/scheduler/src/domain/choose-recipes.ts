import { err, ok, type RecipeId, type Result, Rng } from "@gradients/kernel";
import { type Failure, failureOf } from "./failures.ts";
import type { Recipe } from "./recipes.ts";

export interface RecipeWish {
  /** The same job always gets the same recipes. */
  readonly jobId: string;
  /** How many compete. */
  readonly contestants: number;
  /** Recipes that the customer picked. */
  readonly recipeIds: readonly RecipeId[];
}

/**
 * The recipes of a race, the plain default first: every verdict is compared with it, so it runs even when the customer's picks alone
 * fill the race. Then the picks in their order, then others drawn by the job's id until there are enough.
 */
export function chooseRecipes(
  catalogue: readonly Recipe[],
  wish: RecipeWish,
): Result<readonly Recipe[], Failure> {
  const picks = new Set(wish.recipeIds);
  const unknown = [...picks].filter((id) => !catalogue.some((recipe) => recipe.recipeId === id));
  if (unknown.length > 0) return err(failureOf("RECIPE_UNKNOWN", unknown.join(", ")));
  if (wish.contestants > catalogue.length) {
    return err(failureOf("TOO_FEW_RECIPES", `${wish.contestants} asked for, ${catalogue.length} available`));
  }
  const needed = catalogue.filter((recipe) => recipe.isDefault || picks.has(recipe.recipeId));
  const others = catalogue.filter((recipe) => !needed.includes(recipe));
  const drawn = new Rng(`recipes:${wish.jobId}`).shuffle(others);
  return ok(
    [...needed.toSorted(byPick(wish.recipeIds)), ...drawn].slice(
      0,
      Math.max(wish.contestants, needed.length),
    ),
  );
}

function byPick(recipeIds: readonly RecipeId[]): (a: Recipe, b: Recipe) => number {
  const place = (recipe: Recipe) => (recipe.isDefault ? -1 : recipeIds.indexOf(recipe.recipeId));
  return (a, b) => place(a) - place(b);
}
