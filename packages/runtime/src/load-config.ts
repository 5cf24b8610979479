import { readFileSync } from "node:fs";
import type { z } from "zod";
import { type ConfigOption, listOptions } from "./config-options.ts";

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly argv: readonly string[];
}

export interface LoadConfigOptions<S extends z.ZodObject> extends ConfigSource {
  /** Its name in capitals is the prefix of all variables: `scorer` reads `SCORER_DB_URL` into `db.url`. */
  readonly service: string;
  readonly schema: S;
}

export type Config<S extends z.ZodType> = DeepReadonly<z.output<S>>;

/** The process should end without starting: help was asked for, or the configuration is wrong. The message is the whole text to print. */
export class ConfigExit extends Error {
  override readonly name = "ConfigExit";
  readonly exitCode: number;
  readonly isHelp: boolean;

  constructor(message: string, exitCode: number, isHelp = false) {
    super(message);
    this.exitCode = exitCode;
    this.isHelp = isHelp;
  }
}

const EX_USAGE = 64;
const EX_CONFIG = 78;

/**
 * Reads the configuration from environment variables. Lists are comma-separated or JSON, other compound values are JSON, an empty variable counts as unset,
 * and a secret may stand in the file that `<VARIABLE>_FILE` names. Throws ConfigExit for `--help`, `--print-config` and, naming every problem at once, for a wrong configuration.
 */
export function loadConfig<S extends z.ZodObject>({
  service,
  schema,
  env,
  argv,
}: LoadConfigOptions<S>): Config<S> {
  const options = listOptions(service, schema);
  const unknown = argv.filter((flag) => flag !== "--help" && flag !== "--print-config");
  if (unknown.length > 0)
    throw new ConfigExit(
      `Unknown argument ${unknown.join(" ")}; ${service} knows --help and --print-config.`,
      EX_USAGE,
    );
  if (argv.includes("--help")) throw new ConfigExit(helpText(service, options), 0, true);
  const { raw, problems } = readRaw(options, env);
  const parsed = schema.safeParse(raw);
  if (!parsed.success || problems.length > 0)
    throw new ConfigExit(
      problemText(service, [...problems, ...describeIssues(parsed.error, options, env)]),
      EX_CONFIG,
    );
  if (argv.includes("--print-config")) throw new ConfigExit(printText(parsed.data, options), 0);
  return deepFreeze(parsed.data) as Config<S>;
}

function readRaw(
  options: readonly ConfigOption[],
  env: ConfigSource["env"],
): { raw: object; problems: readonly string[] } {
  const raw: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const option of options) {
    makeParents(raw, option);
    try {
      const text = readText(option, env);
      if (text !== undefined) setAt(raw, option.path, coerce(text, option.type));
    } catch (error) {
      problems.push(`${option.env}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { raw, problems };
}

function readText(option: ConfigOption, env: ConfigSource["env"]): string | undefined {
  const text = env[option.env] || undefined;
  const file = option.secret ? env[`${option.env}_FILE`] || undefined : undefined;
  if (file === undefined) return text;
  if (text !== undefined) throw new Error(`set together with ${option.env}_FILE; only one of the two may be`);
  try {
    return readFileSync(file, "utf8").trimEnd();
  } catch (error) {
    throw new Error(
      `cannot read the file named by ${option.env}_FILE (${error instanceof Error ? error.message : String(error)})`,
      { cause: error },
    );
  }
}

/** Turns text into what the schema's type starts from. Text that does not fit stays as it is, and the schema refuses it. */
function coerce(text: string, type: string): unknown {
  if (type === "number" || type === "int") return /^[-+\d.eE]+$/.test(text) ? Number(text) : text;
  if (type === "bigint") return /^-?\d+$/.test(text) ? BigInt(text) : text;
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (type === "array" && !text.startsWith("[")) return text.split(",").map((item) => item.trim());
  if (type === "array" || type === "record" || type === "tuple" || type === "map")
    return JSON.parse(text) as unknown;
  return text;
}

/** Required objects exist even when all their fields have defaults; optional ones only when one of their variables is set. */
function makeParents(raw: Record<string, unknown>, option: ConfigOption): void {
  if (option.required || option.defaultValue !== undefined) parentOf(raw, option.path);
}

function setAt(raw: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const last = path.at(-1);
  if (last !== undefined) parentOf(raw, path)[last] = value;
}

function parentOf(raw: Record<string, unknown>, path: readonly string[]): Record<string, unknown> {
  let parent = raw;
  for (const key of path.slice(0, -1)) {
    parent[key] ??= {};
    parent = parent[key] as Record<string, unknown>; // made on the line above
  }
  return parent;
}

function describeIssues(
  error: z.ZodError | undefined,
  options: readonly ConfigOption[],
  env: ConfigSource["env"],
): readonly string[] {
  return (error?.issues ?? []).map((issue) => {
    const path = issue.path.map(String);
    const option = options.find((candidate) => candidate.path.every((key, index) => path[index] === key));
    if (!option) return `${path.join(".")}: ${issue.message}`;
    const found = env[option.env] || undefined;
    if (found === undefined && !env[`${option.env}_FILE`])
      return `${option.env}: required but not set${option.description ? ` (${option.description})` : ""}`;
    return `${option.env}: ${issue.message}${option.secret ? "" : `, found "${found}"`}`;
  });
}

function problemText(service: string, problems: readonly string[]): string {
  return [
    `The configuration of ${service} has ${problems.length} problem(s):`,
    ...problems.map((problem) => `  ${problem}`),
    "--help lists all variables.",
  ].join("\n");
}

function helpText(service: string, options: readonly ConfigOption[]): string {
  const lines = options.map(
    (option) => `  ${option.env}  ${traitsOf(option)}\n      ${option.description ?? "No description."}`,
  );
  return [
    `${service} takes its configuration from environment variables. Flags: --help, --print-config.`,
    "",
    ...lines,
  ].join("\n");
}

function traitsOf(option: ConfigOption): string {
  const standard =
    option.defaultValue === undefined
      ? []
      : [`default ${option.secret ? "[redacted]" : showValue(option.defaultValue)}`];
  return `(${[option.type, option.required ? "required" : "optional", ...standard, ...(option.secret ? [`secret, or in the file ${option.env}_FILE`] : [])].join("; ")})`;
}

function showValue(value: unknown): string {
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}

function printText(config: object, options: readonly ConfigOption[]): string {
  const secrets = new Set(options.filter((option) => option.secret).map((option) => option.path.join(".")));
  return JSON.stringify(redact(config, [], secrets), null, 2);
}

function redact(value: unknown, path: readonly string[], secrets: ReadonlySet<string>): unknown {
  if (secrets.has(path.join("."))) return value === undefined ? undefined : "[redacted]";
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, redact(child, [...path, key], secrets)]),
  );
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object" && !Object.isFrozen(value)) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}

type DeepReadonly<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
