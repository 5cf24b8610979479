import type { StoredFile, StoredObject } from "@gradients/contracts/stored-object";
import type { JobId, RecipeId, Result } from "@gradients/kernel";
import { chooseRecipes } from "./choose-recipes.ts";
import type { Columns } from "./engine-spec.ts";
import { type Failure, failureOf } from "./failures.ts";
import type { JobState } from "./job-machine.ts";
import type { Recipe } from "./recipes.ts";

/** A job as far as training it goes. Order and split come in separate events, in any order. */
export interface Job {
  readonly jobId: JobId;
  readonly state: JobState;
  readonly order: JobOrder | null;
  /** The training rows. */
  readonly train: StoredObject | null;
}

export interface JobOrder {
  /** Absent from orders that were stored before it counted. */
  readonly accountId?: string;
  readonly baseModel: readonly StoredFile[];
  readonly columns: Columns;
  readonly contestants: number;
  readonly recipeIds: readonly RecipeId[];
  readonly budgetSeconds: number;
  readonly hardwareClass: string;
  readonly maxLength: number;
  readonly acceptedAt: Date;
  /** Attempts that are not over by then fail; null for none. */
  readonly deadline: Date | null;
}

export interface RacePlan {
  readonly recipes: readonly Recipe[];
  /** Set when the race cannot be held: its attempts are recorded as failed for that reason and the job ends. */
  readonly refusal: Failure | null;
}

/** Who competes. All attempts of a race start together, so a race that the class can never hold as a whole is refused at once. */
export function planRace(
  jobId: JobId,
  order: JobOrder,
  catalogue: readonly Recipe[],
  classes: readonly { readonly name: string; readonly slots: number }[],
): RacePlan {
  const chosen: Result<readonly Recipe[], Failure> = chooseRecipes(catalogue, { jobId, ...order });
  if (!chosen.ok) return { recipes: catalogue.slice(0, order.contestants), refusal: chosen.error };
  return { recipes: chosen.value, refusal: refusalOf(chosen.value.length, order.hardwareClass, classes) };
}

function refusalOf(
  size: number,
  hardwareClass: string,
  classes: readonly { readonly name: string; readonly slots: number }[],
): Failure | null {
  const found = classes.find(({ name }) => name === hardwareClass);
  if (!found) return failureOf("HARDWARE_CLASS_UNKNOWN", `"${hardwareClass}"`);
  if (size <= found.slots) return null;
  return failureOf("RACE_TOO_LARGE", `${size} contestants, ${found.slots} places on ${hardwareClass}`);
}
