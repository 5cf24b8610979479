/** A path of a google.api.http rule: literals, wildcards and variables, with an optional verb at the end. */
export interface PathTemplate {
  readonly source: string;
  /** Field paths that the template binds, in their order. */
  readonly variables: readonly string[];
  /** The values of the variables, decoded; undefined when the path is another one. */
  match(path: string): ReadonlyMap<string, string> | undefined;
  /** The path for some values; throws when one of them does not fit. */
  format(values: ReadonlyMap<string, string>): string;
}

type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "rest" };

interface Variable {
  readonly kind: "variable";
  readonly name: string;
  readonly segments: readonly Segment[];
}

type Part = Segment | Variable;

/** Reads the syntax of google/api/http.proto: literals, `*`, a last `**`, variables with or without segments, and a verb. Throws for anything else. */
export function parsePathTemplate(source: string): PathTemplate {
  const [, body = "", verb] = /^\/(.+?)(?::([^/{}*:]+))?$/.exec(source) ?? [];
  const texts = splitParts(body);
  if (texts.length === 0 || texts.join("/") !== body) throw new Error(`Not a path template: ${source}`);
  const parts = texts.map((part) => parsePart(source, part));
  const variables = parts.filter((part) => part.kind === "variable");
  const pattern = new RegExp(
    `^/${parts.map(toPattern).join("/")}${verb === undefined ? "" : `:${escape(verb)}`}$`,
  );
  return {
    source,
    variables: variables.map(({ name }) => name),
    match: (path) => {
      const found = pattern.exec(path);
      return found ? bind(variables, found.slice(1)) : undefined;
    },
    format: (values) =>
      `/${parts.map((part) => formatPart(part, values)).join("/")}${verb === undefined ? "" : `:${verb}`}`,
  };
}

/** Splits at the slashes outside of braces. */
function splitParts(body: string): readonly string[] {
  return body.match(/(?:\{[^}]*\}|[^/{}])+/g) ?? [];
}

function parsePart(source: string, text: string): Part {
  const variable = /^\{([a-zA-Z_][\w.]*)(?:=([^{}]+))?\}$/.exec(text);
  if (!variable) return parseSegment(source, text);
  const [, name = "", segments = "*"] = variable;
  return {
    kind: "variable",
    name,
    segments: segments.split("/").map((segment) => parseSegment(source, segment)),
  };
}

function parseSegment(source: string, text: string): Segment {
  if (text === "*") return { kind: "one" };
  if (text === "**") return { kind: "rest" };
  if (!/^[\w.~-]+$/.test(text)) throw new Error(`Not a path template: ${source}`);
  return { kind: "literal", text };
}

function toPattern(part: Part): string {
  switch (part.kind) {
    case "literal":
      return escape(part.text);
    case "one":
      return "[^/:]+"; // a colon starts the verb
    case "rest":
      return "[^:]+";
    case "variable":
      return `(${part.segments.map(toPattern).join("/")})`;
  }
}

function bind(
  variables: readonly Variable[],
  values: readonly string[],
): ReadonlyMap<string, string> | undefined {
  try {
    return new Map(
      variables.map(({ name }, index) => [
        name,
        (values[index] ?? "").split("/").map(decodeURIComponent).join("/"),
      ]),
    );
  } catch {
    return undefined; // a broken escape is no path of ours
  }
}

function formatPart(part: Part, values: ReadonlyMap<string, string>): string {
  if (part.kind === "literal") return part.text;
  if (part.kind !== "variable")
    throw new Error("A template without a name for its wildcard cannot be formatted");
  const value = values.get(part.name) ?? "";
  const encoded = value.split("/").map(encodeURIComponent).join("/");
  if (!new RegExp(`^${part.segments.map(toPattern).join("/")}$`).test(encoded))
    throw new Error(`"${value}" does not fit {${part.name}}`);
  return encoded;
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
