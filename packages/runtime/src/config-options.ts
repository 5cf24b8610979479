import { z } from "zod";

/** One environment variable, read off the schema. */
export interface ConfigOption {
  readonly path: readonly string[];
  readonly env: string;
  readonly type: string;
  readonly description: string | undefined;
  readonly secret: boolean;
  readonly required: boolean;
  readonly defaultValue: unknown;
}

/** Marks a value that is read from a file with `*_FILE` and never printed. */
export function secret<S extends z.ZodType>(schema: S): S {
  return schema.meta({ ...schema.meta(), secret: true });
}

/** All leaves of a schema of nested objects. In a union of objects the variables of all its members count. */
export function listOptions(service: string, schema: z.core.$ZodType): readonly ConfigOption[] {
  const options = new Map<string, ConfigOption>();
  for (const option of leavesOf(schema, [], toEnv(service), true))
    if (!options.has(option.env)) options.set(option.env, option);
  return [...options.values()];
}

function leavesOf(
  schema: z.core.$ZodType,
  path: readonly string[],
  env: string,
  required: boolean,
): readonly ConfigOption[] {
  const leaf = unwrap(schema);
  const needed = required && leaf.required;
  if (leaf.inner instanceof z.core.$ZodObject) {
    return Object.entries(leaf.inner._zod.def.shape).flatMap(([key, child]) =>
      leavesOf(child, [...path, key], `${env}_${toEnv(key)}`, needed),
    );
  }
  if (
    leaf.inner instanceof z.core.$ZodUnion &&
    leaf.inner._zod.def.options.some((option) => unwrap(option).inner instanceof z.core.$ZodObject)
  ) {
    return leaf.inner._zod.def.options.flatMap((option) => leavesOf(option, path, env, false));
  }
  const { description, secret: isSecret, defaultValue } = leaf;
  return [
    {
      path,
      env,
      type: leaf.inner._zod.def.type,
      description,
      secret: isSecret,
      required: needed,
      defaultValue,
    },
  ];
}

/** Looks through optional, default, readonly and the like, gathering what they say on the way. */
function unwrap(schema: z.core.$ZodType): Unwrapped {
  const meta = z.globalRegistry.get(schema);
  const def = (schema as z.core.$ZodTypes)._zod.def;
  const found = { description: meta?.description, secret: meta?.["secret"] === true };
  if (def.type === "pipe") return merge(found, unwrap(def.in));
  if (
    def.type === "optional" ||
    def.type === "nullable" ||
    def.type === "readonly" ||
    def.type === "nonoptional" ||
    def.type === "catch"
  ) {
    return merge(found, unwrap(def.innerType), def.type === "optional" ? { required: false } : {});
  }
  if (def.type === "default" || def.type === "prefault")
    return merge(found, unwrap(def.innerType), { required: false, defaultValue: def.defaultValue });
  return { ...found, inner: schema, required: true, defaultValue: undefined };
}

function merge(
  outer: Pick<Unwrapped, "description" | "secret">,
  inner: Unwrapped,
  changes: Partial<Unwrapped> = {},
): Unwrapped {
  return {
    ...inner,
    description: outer.description ?? inner.description,
    secret: outer.secret || inner.secret,
    ...changes,
  };
}

/** `poolSize` and `chain-bridge` become `POOL_SIZE` and `CHAIN_BRIDGE`. */
function toEnv(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toUpperCase();
}

interface Unwrapped {
  readonly inner: z.core.$ZodType;
  readonly description: string | undefined;
  readonly secret: boolean;
  readonly required: boolean;
  readonly defaultValue: unknown;
}
