import { createHash } from "node:crypto";
import { err, type ModelId, ok, type Result } from "@gradients/kernel";

/** Files of a Hugging Face model folder that training, scoring and serving need. Weights are safetensors only: pickles run code when they are read. */
const WANTED = [
  /^config\.json$/,
  /^generation_config\.json$/,
  /^tokenizer\.json$/,
  /^tokenizer_config\.json$/,
  /^special_tokens_map\.json$/,
  /^added_tokens\.json$/,
  /^vocab\.(json|txt)$/,
  /^merges\.txt$/,
  /^tokenizer\.model$/,
  /^chat_template\.(jinja|json)$/,
  /^model(-\d+-of-\d+)?\.safetensors$/,
  /^model\.safetensors\.index\.json$/,
];

export type ModelFolderProblem =
  | "no_config"
  | "no_tokenizer"
  | "no_safetensors"
  | "no_chat_template"
  | "no_context_length";

/** The files that are registered, out of all names in a folder. */
export function chooseModelFiles(names: readonly string[]): Result<readonly string[], ModelFolderProblem> {
  const chosen = names.filter((name) => WANTED.some((pattern) => pattern.test(name))).toSorted();
  if (!chosen.includes("config.json")) return err("no_config");
  if (!chosen.includes("tokenizer.json")) return err("no_tokenizer");
  if (!chosen.some((name) => name.endsWith(".safetensors"))) return err("no_safetensors");
  return ok(chosen);
}

/** The default template of a tokenizer's configuration, which has one template or a list of named ones. */
export function chatTemplateOf(
  config: Readonly<Record<string, unknown>>,
): Result<string, ModelFolderProblem> {
  const { chat_template: found } = config;
  const named: readonly unknown[] = Array.isArray(found) ? found : [{ name: "default", template: found }];
  const template = named.filter(isTemplate).find(({ name }) => name === "default")?.template;
  return template ? ok(template) : err("no_chat_template");
}

function isTemplate(value: unknown): value is { readonly name: unknown; readonly template: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    "template" in value &&
    typeof value.template === "string"
  );
}

/** Longest sequence by the configuration of the model, under the names that model families give it. */
export function contextLengthOf(
  config: Readonly<Record<string, unknown>>,
): Result<number, ModelFolderProblem> {
  const found = ["max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"].map(
    (name) => config[name],
  );
  const length = found.find((value) => typeof value === "number" && Number.isInteger(value) && value > 0);
  return typeof length === "number" ? ok(length) : err("no_context_length");
}

/** Number of weights in a safetensors file, from its header. */
export function countParameters(header: Readonly<Record<string, unknown>>): bigint {
  return Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .reduce((sum, [, tensor]) => sum + elementsOf(tensor), 0n);
}

function elementsOf(tensor: unknown): bigint {
  if (typeof tensor !== "object" || tensor === null || !("shape" in tensor) || !Array.isArray(tensor.shape))
    return 0n;
  return tensor.shape.reduce((product: bigint, size: unknown) => product * BigInt(Number(size)), 1n);
}

/** Digest of a folder: equal for folders with the same files, whatever their order. */
export function digestOfFiles(files: readonly { readonly name: string; readonly sha256: string }[]): string {
  const lines = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).toSorted();
  return createHash("sha256").update(lines.join("")).digest("hex");
}

/** `SmolLM2 135M Instruct` becomes `smollm2-135m-instruct`. */
export function modelIdOf(displayName: string): ModelId {
  const slug = displayName.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");
  return slug.replaceAll(/^-+|-+$/g, "") as ModelId;
}
