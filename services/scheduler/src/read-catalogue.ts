import { readFileSync } from "node:fs";
import type { RecipeId } from "@gradients/kernel";
import { ConfigExit } from "@gradients/runtime";
import { z } from "zod";
import { builtInRecipes } from "./domain/built-in-recipes.ts";
import { type ImageRefusal, type ImageRules, judgeImage } from "./domain/recipe-images.ts";
import { assignOwners, type Recipe, type UnownedRecipe } from "./domain/recipes.ts";

const catalogueFile = z.array(
  z.strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and dashes"),
    title: z.string().min(1),
    summary: z.string().min(1),
    method: z.enum(["lora", "full"]),
    settings: z.record(z.string(), z.json()),
    image: z.string().optional(),
    default: z.boolean().default(false),
  }),
);

const EX_CONFIG = 78;

/** A recipe of the catalogue brings an image that it may not bring: the operator has to change one or the other. */
class RecipeImageRefused extends ConfigExit {
  readonly code: ImageRefusal;

  constructor(code: ImageRefusal, message: string) {
    super(message, EX_CONFIG);
    this.code = code;
  }
}

export interface CatalogueOptions {
  readonly file?: string | undefined;
  readonly hotkeys: readonly string[];
  readonly images: ImageRules;
}

/** The recipes of the file, or the built-in ones, each with its owner. Throws a sentence that says what is wrong with the file. */
export function readCatalogue({ file, hotkeys, images }: CatalogueOptions): readonly Recipe[] {
  return assignOwners(file === undefined ? builtInRecipes : readRecipes(file, images), hotkeys);
}

function readRecipes(file: string, images: ImageRules): readonly UnownedRecipe[] {
  const parsed = catalogueFile.safeParse(parseJson(file));
  if (!parsed.success)
    throw new Error(`The recipe catalogue ${file} is not valid: ${z.prettifyError(parsed.error)}`);
  const recipes = parsed.data.map(({ id, default: isDefault, image, ...recipe }) => {
    return { ...recipe, recipeId: id as RecipeId, isDefault, ...(image !== undefined && { image }) };
  });
  for (const recipe of recipes) {
    const judged = judgeImage(recipe, images);
    if (judged.ok) continue;
    const { code, text } = judged.error;
    throw new RecipeImageRefused(
      code,
      `The recipe ${recipe.recipeId} of ${file} is refused: ${text} (${code})`,
    );
  }
  return recipes;
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Error(`The recipe catalogue ${file} cannot be read`, { cause });
  }
}
