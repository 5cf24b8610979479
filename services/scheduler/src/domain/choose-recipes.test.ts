import type { RecipeId } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseRecipes } from "./choose-recipes.ts";
import type { Recipe } from "./recipes.ts";

const catalogue = ["plain", "b", "c", "d", "e"].map(
  (id, place): Recipe => ({
    recipeId: id as RecipeId,
    title: id,
    summary: "",
    method: "lora",
    settings: {},
    isDefault: place === 0,
    contestantHotkey: `hotkey-${id}`,
  }),
);

function choose(contestants: number, recipeIds: string[] = [], jobId = "job"): string[] | string {
  const chosen = chooseRecipes(catalogue, { jobId, contestants, recipeIds: recipeIds as RecipeId[] });
  return chosen.ok ? chosen.value.map((recipe) => recipe.recipeId) : chosen.error.code;
}

describe("chooseRecipes", () => {
  test("runs the plain default in every race", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.uuid(), (contestants, jobId) => {
        const chosen = choose(contestants, [], jobId);
        expect(chosen).toHaveLength(contestants);
        expect(chosen[0]).toBe("plain");
        expect(new Set(chosen).size).toBe(contestants);
        expect(choose(contestants, [], jobId)).toEqual(chosen);
      }),
    );
  });

  test("draws others differently from job to job", () => {
    const draws = new Set(Array.from({ length: 40 }, (_, n) => String(choose(2, [], `job-${n}`))));
    expect(draws.size).toBe(4);
  });

  test("honours the customer's picks, in their order, and adds the default to them", () => {
    expect(choose(2, ["e", "c"])).toEqual(["plain", "e", "c"]);
    expect(choose(3, ["c", "plain", "c", "b"])).toEqual(["plain", "c", "b"]);
    expect(choose(4, ["c"])).toHaveLength(4);
  });

  test("refuses what the catalogue cannot give", () => {
    expect(choose(2, ["nope"])).toBe("RECIPE_UNKNOWN");
    expect(choose(6)).toBe("TOO_FEW_RECIPES");
  });
});
