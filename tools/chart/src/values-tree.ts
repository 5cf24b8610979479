import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from "yaml";

/** One key of values.yaml with what its comment says. */
export interface ValueNode {
  readonly key: string;
  readonly value: unknown;
  /** Sentences after `# --`; empty where the comment has none. */
  readonly description: string;
  /** JSON schema after `# @schema`, laid over the one that the value itself gives. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Name after `# @service`: this map also takes every key of `defaults`. */
  readonly service: string | undefined;
  /** Empty for scalars, lists and empty maps. */
  readonly children: readonly ValueNode[];
}

/** The keys of values.yaml in order. Throws where a comment's schema is no JSON. */
export function parseValues(text: string): readonly ValueNode[] {
  const document = parseDocument(text);
  const problem = document.errors[0];
  if (problem) throw problem;
  if (!isMap(document.contents)) throw new Error("values.yaml holds no map");
  return childrenOf(document.contents, document.contents.commentBefore ?? "");
}

/** The parser takes the comment above a map's first key for the map's own. */
function childrenOf(map: YAMLMap, ownComment: string): readonly ValueNode[] {
  return map.items.map((pair, place) => nodeOf(pair as Pair, place === 0 ? ownComment : ""));
}

function nodeOf({ key, value }: Pair, inherited: string): ValueNode {
  if (!isScalar(key)) throw new Error("a key of values.yaml is no scalar");
  const comment = parseComment([inherited, key.commentBefore ?? ""].join("\n"), String(key.value));
  const isOpen = "$ref" in comment.schema;
  const inner = isMap(value) ? childrenOf(value, value.commentBefore ?? "") : [];
  return {
    key: String(key.value),
    value: toPlain(value),
    ...comment,
    children: isOpen ? [] : inner,
  };
}

function parseComment(comment: string, key: string): Pick<ValueNode, "description" | "schema" | "service"> {
  const lines = comment.split("\n").map((line) => line.trim());
  const after = (mark: string) =>
    lines.filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(mark.length + 1));
  try {
    const schema = Object.assign({}, ...after("@schema").map((text) => JSON.parse(text) as object)) as object;
    return {
      description: after("--").join(" "),
      schema: schema as ValueNode["schema"],
      service: after("@service")[0],
    };
  } catch (cause) {
    throw new Error(`values.yaml, ${key}: @schema is no JSON`, { cause });
  }
}

function toPlain(value: unknown): unknown {
  return value !== null && typeof value === "object" && "toJSON" in value
    ? (value as { toJSON(): unknown }).toJSON()
    : value;
}
