import { err, ok, type Result } from "@gradients/kernel";
import type { UnownedRecipe } from "./recipes.ts";

/** What an operator lets recipes bring. */
export interface ImageRules {
  /** Registries, or repositories below them, that images may come from. */
  readonly registries: readonly string[];
  /** False for a fleet of processes. */
  readonly runsImages: boolean;
}

export type ImageRefusal =
  | "IMAGE_OF_DEFAULT_RECIPE"
  | "IMAGE_NOT_PINNED"
  | "IMAGE_REGISTRY_NOT_ALLOWED"
  | "IMAGES_NOT_RUN_HERE";

export interface ImageProblem {
  readonly code: ImageRefusal;
  /** In words, with what would be right. */
  readonly text: string;
}

/** `host[:port]/path@sha256:<digest>`: with its registry, and without a tag, which would only seem to say something. */
const pinned =
  /^(?<repository>(?:[a-z0-9-]+\.[a-z0-9.-]+|localhost)(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)@sha256:[0-9a-f]{64}$/;

/** Whether a recipe may bring the image that it names. */
export function judgeImage(
  { image, isDefault }: Pick<UnownedRecipe, "image" | "isDefault">,
  { registries, runsImages }: ImageRules,
): Result<void, ImageProblem> {
  if (image === undefined) return ok(undefined);
  if (isDefault)
    return refuse(
      "IMAGE_OF_DEFAULT_RECIPE",
      "the default recipe, which the others are compared with, runs the platform's own engine",
    );
  const repository = pinned.exec(image)?.groups?.["repository"];
  if (repository === undefined)
    return refuse(
      "IMAGE_NOT_PINNED",
      `the image ${image} has to be named by registry and digest, without a tag: registry.example.com/repository@sha256:<64 hex digits>`,
    );
  if (!runsImages)
    return refuse(
      "IMAGES_NOT_RUN_HERE",
      "pods of this fleet are processes on one machine, which run no images; recipes with an image need a fleet on Kubernetes",
    );
  if (!registries.some((allowed) => repository === allowed || repository.startsWith(`${allowed}/`)))
    return refuse(
      "IMAGE_REGISTRY_NOT_ALLOWED",
      `images may come from ${registries.join(", ") || "no registry"}; ${repository} is none of these`,
    );
  return ok(undefined);
}

function refuse(code: ImageRefusal, text: string): Result<never, ImageProblem> {
  return err({ code, text });
}
