import { parse } from "yaml";

type Schema = { readonly [key: string]: unknown };

/** File name, as kubeconform asks for it, to JSON schema. */
export type SchemaFiles = ReadonlyMap<string, Schema>;

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface Definition extends Schema {
  readonly "x-kubernetes-group-version-kind"?: readonly Kind[];
}

const groups = new Set([
  "",
  "apps",
  "batch",
  "policy",
  "autoscaling",
  "networking.k8s.io",
  "rbac.authorization.k8s.io",
  "admissionregistration.k8s.io",
]);

/** Types that the OpenAPI document calls strings and the API server also takes as numbers. */
const numbersToo = new Set([
  "io.k8s.apimachinery.pkg.api.resource.Quantity",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
]);

/** One schema for each kind that charts are made of, with all that it refers to. Unknown fields are refused. */
export function kubernetesSchemas(openApi: {
  readonly definitions: Record<string, Definition>;
}): SchemaFiles {
  const files = new Map<string, Schema>();
  for (const [name, { "x-kubernetes-group-version-kind": kinds = [] }] of Object.entries(
    openApi.definitions,
  )) {
    const kind = kinds[0];
    if (kinds.length === 1 && kind && groups.has(kind.group) && !kind.kind.endsWith("List"))
      files.set(fileName(kind), {
        $ref: `#/definitions/${name}`,
        definitions: closure(openApi.definitions, name),
      });
  }
  return files;
}

/** The same of a CustomResourceDefinition. */
export function customResourceSchemas(definition: string): SchemaFiles {
  const { spec } = parse(definition) as {
    readonly spec: {
      readonly group: string;
      readonly names: { readonly kind: string };
      readonly versions: readonly {
        readonly name: string;
        readonly schema: { readonly openAPIV3Schema: Schema };
      }[];
    };
  };
  const entries = spec.versions.map(({ name: version, schema }) => {
    const kind = { group: spec.group, version, kind: spec.names.kind };
    return [fileName(kind), strict(schema.openAPIV3Schema)] as const;
  });
  return new Map(entries);
}

function fileName({ group, version, kind }: Kind): string {
  const prefix = group === "" ? "" : `-${group.split(".")[0]}`;
  return `${kind.toLowerCase()}${prefix}-${version}.json`;
}

function closure(definitions: Readonly<Record<string, Schema>>, root: string): Schema {
  const found: Record<string, unknown> = {};
  const visit = (name: string) => {
    if (name in found) return;
    const schema = numbersToo.has(name) ? { type: ["string", "number"] } : strict(definitions[name] ?? {});
    found[name] = schema;
    for (const [, next = ""] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) visit(next);
  };
  visit(root);
  return found;
}

/** Objects with named fields take no others; one schema inside another likewise. */
function strict(schema: Schema): Schema {
  const isOpen =
    !("properties" in schema) ||
    "additionalProperties" in schema ||
    schema["x-kubernetes-preserve-unknown-fields"] === true;
  const inner = Object.entries(schema).map(([key, value]) => [key, strictChild(key, value)] as const);
  return { ...Object.fromEntries(inner), ...(isOpen ? {} : { additionalProperties: false }) };
}

function strictChild(key: string, value: unknown): unknown {
  if (key === "properties")
    return Object.fromEntries(
      Object.entries(value as Schema).map(([name, child]) => [name, strict(child as Schema)]),
    );
  return (key === "items" || key === "additionalProperties") && typeof value === "object" && value !== null
    ? strict(value as Schema)
    : value;
}
