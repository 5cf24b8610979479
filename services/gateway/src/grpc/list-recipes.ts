import type { GatewayService } from "@gradients/contracts/gateway";
import type { Recipe } from "@gradients/contracts/scheduler";
import type { RecipeId } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { recipeName } from "../domain/resource-names.ts";
import type { MethodDeps } from "./deps.ts";
import { pageOf } from "./page.ts";

export const listRecipes =
  ({ catalogue }: MethodDeps): MethodImpl<typeof GatewayService.method.listRecipes> =>
  async (request) => {
    const recipes = (await catalogue.recipes()).toSorted((a, b) => (a.recipeId < b.recipeId ? -1 : 1));
    const load = (limit: number, after = "") =>
      Promise.resolve(recipes.filter(({ recipeId }) => recipeId > after).slice(0, limit));
    const { items, nextPageToken } = await pageOf(request, ["ListRecipes"], ({ recipeId }) => recipeId, load);
    return { recipes: items.map(encodeRecipe), nextPageToken };
  };

function encodeRecipe({ recipeId, title, summary, contestantHotkey, method, defaultRecipe, image }: Recipe) {
  const name = recipeName(recipeId as RecipeId);
  return { name, title, summary, contestantHotkey, method, defaultRecipe, image };
}
