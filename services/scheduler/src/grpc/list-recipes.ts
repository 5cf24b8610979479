import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import type { RecipeSchema, SchedulerService } from "@gradients/contracts/scheduler";
import type { MethodImpl } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import type { Recipe } from "../domain/recipes.ts";

export function listRecipes({
  catalogue,
}: Deps): MethodImpl<(typeof SchedulerService)["method"]["listRecipes"]> {
  return async () => ({ recipes: catalogue.map(toWire) });
}

function toWire({ isDefault, settings, ...recipe }: Recipe): MessageInitShape<typeof RecipeSchema> {
  return { ...recipe, defaultRecipe: isDefault, settings: settings as JsonObject }; // readonly all the way down, and not changed
}
