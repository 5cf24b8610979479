/** Why an attempt ended without a result: a code for programs, a sentence for the customer. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  /** True when the customer's input is the cause, false when the recipe or the platform is. */
  readonly customerError: boolean;
}

const reasons = {
  OUT_OF_MEMORY: {
    text: "The training ran out of memory on this hardware class. A smaller model, shorter examples or a larger hardware class would help.",
    customerError: false,
  },
  DISK_FULL: {
    text: "The training wrote more to its disk than this hardware class has. Fewer or smaller files, or a larger hardware class would help.",
    customerError: false,
  },
  IMAGE_NOT_FOUND: {
    text: "The container image of the training does not exist, or may not be read.",
    customerError: false,
  },
  NONFINITE: {
    text: "The training became unstable: loss or weights were no longer finite numbers. Other recipes of the race are not affected.",
    customerError: false,
  },
  DATA_INVALID: {
    text: "The training data could not be read as the job describes it.",
    customerError: true,
  },
  MODEL_UNLOADABLE: {
    text: "The base model could not be loaded. Its files may be damaged or of an unsupported kind.",
    customerError: true,
  },
  ARTIFACT_UNSAFE: {
    text: "The artifact holds files that are not allowed. Only safetensors weights and plain text or JSON files are.",
    customerError: false,
  },
  ARTIFACT_UNLOADABLE: {
    text: "The artifact cannot be loaded on top of its base model.",
    customerError: false,
  },
  DEADLINE_EXCEEDED: {
    text: "The time for this work was over before it was done.",
    customerError: false,
  },
  LOST: {
    text: "The machine was lost again and again; every retry was interrupted as well.",
    customerError: false,
  },
  SPEC_INVALID: {
    text: "The recipe has a setting that the training program does not accept.",
    customerError: false,
  },
  INTERNAL: {
    text: "The training program failed in a way that is not the data's fault.",
    customerError: false,
  },
  RACE_TOO_LARGE: {
    text: "All attempts of a race start together, and the hardware class has fewer places than the job has contestants.",
    customerError: true,
  },
  HARDWARE_CLASS_UNKNOWN: {
    text: "The job asks for a hardware class that this platform does not have.",
    customerError: true,
  },
  RECIPE_UNKNOWN: {
    text: "The job names a recipe that this platform does not have.",
    customerError: true,
  },
  TOO_FEW_RECIPES: {
    text: "The job asks for more contestants than this platform has recipes.",
    customerError: true,
  },
} as const satisfies Record<string, { readonly text: string; readonly customerError: boolean }>;

export type FailureCode = keyof typeof reasons;

/** Longest detail that is passed on, in characters. */
const MAX_DETAIL = 600;

/** `detail` says what was found, for example which row; it is added to the sentence. */
export function failureOf(code: FailureCode, detail = ""): Failure {
  const { text, customerError } = reasons[code];
  const shortened = detail.trim().slice(0, MAX_DETAIL);
  return { code, message: shortened ? `${text} (${shortened})` : text, customerError };
}

/** The failure that an agent reports. A code that we do not know counts as an internal one. */
export function reportedFailure(code: string, detail: string): Failure {
  return isFailureCode(code) ? failureOf(code, detail) : failureOf("INTERNAL", `${code}: ${detail}`);
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(reasons, code);
}
