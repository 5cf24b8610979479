import { readFileSync } from "node:fs";
import type { RecipeId } from "@gradients/kernel";
import { z } from "zod";
import { builtInRecipes } from "./domain/built-in-recipes.ts";
import { assignOwners, type Recipe, type UnownedRecipe } from "./domain/recipes.ts";

const catalogueFile = z.array(
  z.strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and dashes"),
    title: z.string().min(1),
    summary: z.string().min(1),
    method: z.enum(["lora", "full"]),
    settings: z.record(z.string(), z.json()),
    default: z.boolean().default(false),
  }),
);

/** The recipes of the file, or the built-in ones, each with its owner. Throws a sentence that says what is wrong with the file. */
export function readCatalogue(file: string | undefined, hotkeys: readonly string[]): readonly Recipe[] {
  return assignOwners(file === undefined ? builtInRecipes : readRecipes(file), hotkeys);
}

function readRecipes(file: string): readonly UnownedRecipe[] {
  const parsed = catalogueFile.safeParse(parseJson(file));
  if (!parsed.success)
    throw new Error(`The recipe catalogue ${file} is not valid: ${z.prettifyError(parsed.error)}`);
  return parsed.data.map(({ id, default: isDefault, ...recipe }) => {
    return { ...recipe, recipeId: id as RecipeId, isDefault };
  });
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Error(`The recipe catalogue ${file} cannot be read`, { cause });
  }
}
