import { builtInRecipes } from "../../../../services/scheduler/src/domain/built-in-recipes.ts";
import { missingImage } from "./passing-objects.ts";

interface Attack {
  /** How the attempt has to end; nothing where the scorer, or we, have the last word. */
  readonly code: string | undefined;
  /** Row of docs/sandbox.md that the end belongs to. */
  readonly tried: string | undefined;
}

/** What the attacker's image (tools/images/attacker) can do, by the name in its recipe's settings. */
export const attacks = {
  "look-around": { code: "SPEC_INVALID", tried: undefined },
  "fill-work": { code: "DISK_FULL", tried: "disk/work" },
  "fill-tmp": { code: "DISK_FULL", tried: "disk/tmp" },
  "eat-memory": { code: "OUT_OF_MEMORY", tried: "memory/eat" },
  "fork-bomb": { code: "SPEC_INVALID", tried: "processes/bomb" },
  "forge-progress": { code: "ARTIFACT_UNSAFE", tried: "artifact/none" },
  "forge-digest": { code: "ARTIFACT_UNSAFE", tried: "artifact/digest" },
  "forge-link": { code: "ARTIFACT_UNSAFE", tried: "artifact/link" },
  "forge-size": { code: "ARTIFACT_UNSAFE", tried: "artifact/size" },
  "forge-pickle": { code: "ARTIFACT_UNSAFE", tried: "artifact/pickle" },
  "forge-weights": { code: undefined, tried: undefined },
  "ignore-signals": { code: undefined, tried: undefined },
} as const satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;

export const recipeOf = (attack: string) => `recipes/${attack}`;

/** Honest recipes, the default first, and one for each attack. On the attacker's image the default one talks rubbish to the agent. */
export function recipeCatalogue(): readonly object[] {
  const honest = builtInRecipes.map(({ recipeId: id, isDefault, ...recipe }) => ({
    id,
    default: isDefault,
    ...recipe,
  }));
  const hostile = Object.keys(attacks).map((attack) => ({
    id: attack,
    title: attack,
    summary: "Means harm.",
    method: "lora",
    settings: { attack },
  }));
  return [...honest, ...hostile];
}

/** Two that are small, so that many attack at once and limits are soon reached, one of them with an image that nobody has; and one whose artifacts can be scored. */
export function hostileClasses(contestantImage: string): readonly object[] {
  const small = {
    slots: 8,
    threadsPerSlot: 1,
    resources: { cpu: "60m", memory: "1Gi", ephemeralStorage: "256Mi" },
    workSize: "96Mi",
    tmpSize: "64Mi",
  };
  const judged = { cpu: "400m", memory: "3Gi", ephemeralStorage: "6Gi" };
  return [
    { ...small, name: "attacked", description: "For hostile contestants", contestantImage },
    {
      ...small,
      name: "imageless",
      description: "With an image that is not there",
      contestantImage: missingImage,
    },
    {
      ...small,
      name: "judged",
      description: "To be scored",
      contestantImage,
      resources: judged,
      workSize: "4Gi",
    },
  ];
}
