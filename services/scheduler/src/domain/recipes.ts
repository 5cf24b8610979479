import type { RecipeId } from "@gradients/kernel";

/** A way to train that a contestant owns. `settings` go to the training engine as they are. */
export interface Recipe {
  readonly recipeId: RecipeId;
  readonly title: string;
  /** What is special about it, one sentence. */
  readonly summary: string;
  readonly method: "lora" | "full";
  readonly settings: Readonly<Record<string, Setting>>;
  /** The contestant's own image, by digest; without it the platform's trains. */
  readonly image?: string;
  /** The plain recipe that every verdict is compared with; a catalogue has exactly one. */
  readonly isDefault: boolean;
  /** SS58 address that is paid for what the recipe adds. */
  readonly contestantHotkey: string;
}

type Setting = string | number | boolean | null | readonly Setting[] | { readonly [name: string]: Setting };

export type UnownedRecipe = Omit<Recipe, "contestantHotkey">;

/** The recipe at place n belongs to the hotkey at place n. */
export function assignOwners(
  recipes: readonly UnownedRecipe[],
  hotkeys: readonly string[],
): readonly Recipe[] {
  const defaults = recipes.filter((recipe) => recipe.isDefault).length;
  if (defaults !== 1) throw new Error(`A catalogue has exactly one default recipe, found ${defaults}`);
  const ids = new Set(recipes.map((recipe) => recipe.recipeId));
  if (ids.size < recipes.length) throw new Error("Two recipes of the catalogue have the same id");
  return recipes.map((recipe, place) => {
    const contestantHotkey = hotkeys[place];
    if (contestantHotkey === undefined) {
      throw new Error(`There are ${recipes.length} recipes but only ${hotkeys.length} contestant hotkeys`);
    }
    return { ...recipe, contestantHotkey };
  });
}
