import {
  type AccountId,
  type DatasetId,
  err,
  type ModelId,
  ok,
  type RecipeId,
  type Result,
} from "@gradients/kernel";
import type { DatasetState } from "./dataset.ts";
import type { JobSpec } from "./job.ts";
import { modelName, parseRecipeName, recipeName } from "./resource-names.ts";
import { trainingLength } from "./training-length.ts";
import type { Violation } from "./violation.ts";

/** What the customer asked for, names as they were sent. Zero and "" ask for the default. */
export interface JobOrder {
  readonly displayName: string;
  readonly model: string;
  readonly dataset: string;
  readonly contestants: number;
  readonly recipes: readonly string[];
  readonly budgetSeconds: number;
  readonly hardwareClass: string;
  readonly maxLength: number;
}

/** What the order's names lead to; undefined where they lead to nothing that this customer may use. */
export interface OrderContext {
  readonly projectId: AccountId;
  readonly model: OrderedModel | undefined;
  readonly dataset: OrderedDataset | undefined;
  readonly knownModels: readonly ModelId[];
  readonly knownRecipes: readonly RecipeId[];
  /** Runs in every race, picked or not: verdicts compare with it. */
  readonly defaultRecipe: RecipeId | undefined;
  readonly knownHardwareClasses: readonly OfferedHardware[];
  readonly limits: JobLimits;
}

export interface OfferedHardware {
  readonly name: string;
  /** Attempts that run at the same time; all of a job's start together. */
  readonly slots: number;
}

interface OrderedModel {
  readonly modelId: ModelId;
  readonly contextLength: number;
}

interface OrderedDataset {
  readonly datasetId: DatasetId;
  readonly state: DatasetState;
  readonly usableRows: number;
  /** Usable rows that are longer than `trainingLength`, in tokens. */
  readonly longRows: number;
  readonly trainingLength: number;
  /** First error of the check; "" when there is none. */
  readonly problem: string;
}

export interface JobLimits {
  readonly defaultBudgetSeconds: number;
  readonly minBudgetSeconds: number;
  readonly maxBudgetSeconds: number;
  /** The first known one if undefined. */
  readonly defaultHardwareClass?: string | undefined;
  /** A smaller data set cannot be split into training and held-out rows. */
  readonly minUsableRows: number;
}

const DEFAULT_CONTESTANTS = 3;
const MAX_CONTESTANTS = 16;
const MIN_MAX_LENGTH = 16;

/** The order with its defaults filled in, or everything that is wrong with it at once. */
export function decideJob(order: JobOrder, context: OrderContext): Result<JobSpec, readonly Violation[]> {
  const { model, dataset, limits } = context;
  const spec = withDefaults(order, context);
  const violations = [
    ...checkModel(order, context),
    ...checkDataset(order, spec, context),
    ...checkContestants(order, spec, context),
    ...checkRecipes(order, context),
    ...checkBudget(order, limits),
    ...checkHardwareClass(spec, context),
    ...checkMaxLength(order, context),
  ];
  if (violations.length > 0 || !model || !dataset) return err(violations);
  return ok({ ...spec, modelId: model.modelId, datasetId: dataset.datasetId });
}

function withDefaults(order: JobOrder, context: OrderContext): Omit<JobSpec, "modelId" | "datasetId"> {
  const { model, limits, knownHardwareClasses } = context;
  const recipeIds = order.recipes.map(parseRecipeName).filter((id) => id !== undefined);
  const hardwareClass =
    order.hardwareClass || (limits.defaultHardwareClass ?? knownHardwareClasses[0]?.name ?? "");
  return {
    displayName: order.displayName,
    contestants: contestantsOf(order, hardwareClass, context),
    recipeIds,
    budgetSeconds: order.budgetSeconds || limits.defaultBudgetSeconds,
    hardwareClass,
    maxLength: order.maxLength || trainingLength(model?.contextLength),
  };
}

/** As many as the scheduler will start: never fewer than the picked recipes and the default one. */
function contestantsOf(order: JobOrder, hardwareClass: string, context: OrderContext): number {
  if (order.contestants !== 0 || order.recipes.length > 0)
    return Math.max(order.contestants, neededRecipes(order, context));
  const slots = slotsOf(hardwareClass, context) ?? DEFAULT_CONTESTANTS;
  return Math.max(1, Math.min(DEFAULT_CONTESTANTS, context.knownRecipes.length, slots));
}

function neededRecipes({ recipes }: JobOrder, { knownRecipes, defaultRecipe }: OrderContext): number {
  const picks = recipes.map(parseRecipeName);
  return knownRecipes.filter((id) => id === defaultRecipe || picks.includes(id)).length;
}

function slotsOf(hardwareClass: string, { knownHardwareClasses }: OrderContext): number | undefined {
  return knownHardwareClasses.find(({ name }) => name === hardwareClass)?.slots;
}

function checkModel({ model: name }: JobOrder, { model, knownModels }: OrderContext): readonly Violation[] {
  if (model) return [];
  return [unknown("job.model", "MODEL_UNKNOWN", "model", name, knownModels.map(modelName))];
}

function checkDataset(
  { dataset: name }: JobOrder,
  { maxLength }: { readonly maxLength: number },
  { projectId, dataset, limits }: OrderContext,
): readonly Violation[] {
  const violation = (reason: string, description: string): readonly Violation[] => [
    { field: "job.dataset", reason, description },
  ];
  if (!dataset) {
    const found = name ? `found "${name}", which is no data set of this project` : "found nothing";
    return violation(
      "DATASET_UNKNOWN",
      `must be the name of an uploaded data set, projects/${projectId}/datasets/{dataset}; ${found}`,
    );
  }
  if (dataset.state === "checking") {
    return violation(
      "DATASET_NOT_READY",
      "must be a data set in STATE_READY; its check still runs, so wait for that and try again",
    );
  }
  if (dataset.state === "invalid") {
    return violation(
      "DATASET_INVALID",
      `must be a data set in STATE_READY; its check found: ${dataset.problem}`,
    );
  }
  const long = maxLength <= dataset.trainingLength ? dataset.longRows : 0;
  if (dataset.usableRows - long >= limits.minUsableRows) return [];
  const and = long > 0 ? ` and ${long} that are longer than the job's max_length of ${maxLength} tokens` : "";
  return violation(
    "DATASET_TOO_SMALL",
    `must have at least ${limits.minUsableRows} usable rows; found ${dataset.usableRows - long}${and}`,
  );
}

function checkContestants(order: JobOrder, spec: Race, context: OrderContext): readonly Violation[] {
  const { knownRecipes } = context;
  const field = "job.contestants";
  if (order.contestants < 0 || order.contestants > MAX_CONTESTANTS) {
    const description = `must be between 1 and ${MAX_CONTESTANTS}, or 0 for the default; found ${order.contestants}`;
    return [{ field, reason: "CONTESTANTS_OUT_OF_RANGE", description }];
  }
  if (order.contestants !== 0 && order.contestants < order.recipes.length) {
    const description = `must be at least the number of picked recipes, ${order.recipes.length}; found ${order.contestants}`;
    return [{ field, reason: "CONTESTANTS_BELOW_RECIPES", description }];
  }
  if (spec.contestants <= knownRecipes.length) return checkSlots(order, spec, context);
  const description = `must be at most the number of recipes that exist, ${knownRecipes.length}; found ${spec.contestants}`;
  return [{ field, reason: "CONTESTANTS_ABOVE_RECIPES", description }];
}

interface Race {
  readonly contestants: number;
  readonly hardwareClass: string;
}

/** A race that does not fit would wait for ever, since all of its attempts start together. */
function checkSlots(
  order: JobOrder,
  { contestants, hardwareClass }: Race,
  context: OrderContext,
): readonly Violation[] {
  const slots = slotsOf(hardwareClass, context);
  if (slots === undefined || contestants <= slots) return [];
  const atMost = `of at most ${slots} contestants, as many as the hardware class "${hardwareClass}" runs at the same time`;
  if (order.recipes.length > 0 && contestants > order.contestants) {
    const description = `must make a race ${atMost}; found ${contestants}, since the default recipe always takes part`;
    return [{ field: "job.recipes", reason: "RECIPES_ABOVE_SLOTS", description }];
  }
  const description = `must make a race ${atMost}; found ${contestants}`;
  return [{ field: "job.contestants", reason: "CONTESTANTS_ABOVE_SLOTS", description }];
}

function checkRecipes({ recipes }: JobOrder, { knownRecipes }: OrderContext): readonly Violation[] {
  return recipes.flatMap((name, index): readonly Violation[] => {
    const field = `job.recipes[${index}]`;
    const recipeId = parseRecipeName(name);
    if (recipeId === undefined || !knownRecipes.includes(recipeId)) {
      return [unknown(field, "RECIPE_UNKNOWN", "recipe", name, knownRecipes.map(recipeName))];
    }
    if (recipes.indexOf(name) === index) return [];
    return [
      {
        field,
        reason: "RECIPE_TWICE",
        description: `must differ from the other recipes; found "${name}" again`,
      },
    ];
  });
}

function checkBudget({ budgetSeconds }: JobOrder, limits: JobLimits): readonly Violation[] {
  const { minBudgetSeconds, maxBudgetSeconds } = limits;
  if (budgetSeconds === 0 || (budgetSeconds >= minBudgetSeconds && budgetSeconds <= maxBudgetSeconds))
    return [];
  const description = `must be between ${minBudgetSeconds} and ${maxBudgetSeconds} seconds, or 0 for the default of ${limits.defaultBudgetSeconds}; found ${budgetSeconds}`;
  return [{ field: "job.budget_seconds", reason: "BUDGET_OUT_OF_RANGE", description }];
}

function checkHardwareClass(
  spec: { readonly hardwareClass: string },
  { knownHardwareClasses }: OrderContext,
): readonly Violation[] {
  const names = knownHardwareClasses.map(({ name }) => name);
  if (names.includes(spec.hardwareClass)) return [];
  return [
    unknown("job.hardware_class", "HARDWARE_CLASS_UNKNOWN", "hardware class", spec.hardwareClass, names),
  ];
}

function checkMaxLength({ maxLength }: JobOrder, { model }: OrderContext): readonly Violation[] {
  const upTo = model?.contextLength ?? Number.POSITIVE_INFINITY;
  if (maxLength === 0 || (maxLength >= MIN_MAX_LENGTH && maxLength <= upTo)) return [];
  const isLong = maxLength > upTo;
  const description = isLong
    ? `must be at most the model's context length, ${upTo} tokens; found ${maxLength}`
    : `must be at least ${MIN_MAX_LENGTH} tokens, or 0 for the default; found ${maxLength}`;
  return [
    {
      field: "job.max_length",
      reason: isLong ? "MAX_LENGTH_ABOVE_CONTEXT" : "MAX_LENGTH_TOO_SMALL",
      description,
    },
  ];
}

function unknown(
  field: string,
  reason: string,
  kind: string,
  found: string,
  known: readonly string[],
): Violation {
  const list = known.length > 0 ? known.join(", ") : "none";
  return {
    field,
    reason,
    description: `must be the name of a ${kind} (known: ${list}); found ${found ? `"${found}"` : "nothing"}`,
  };
}
