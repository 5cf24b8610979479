import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type FieldViolation, RpcError } from "@gradients/rpc";
import type { Route } from "./http-rules.ts";

export interface HttpInput {
  readonly path: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined when there was no body. */
  readonly body: JsonValue | undefined;
}

/** The request message that path, query and body spell together. Throws INVALID_ARGUMENT that names every field that cannot be read. */
export function readRequest(route: Route, input: HttpInput): Message {
  const violations: FieldViolation[] = [];
  const json = bodyOf(route, input.body, violations);
  for (const [key, value] of groupQuery(input.query)) addParameter(route, json, key, value, violations);
  for (const [name, value] of input.path) setAt(route.method.input, json, name.split("."), [value]);
  violations.push(...problemsOf(route.method.input, json, ""));
  if (violations.length > 0) throw unreadable(violations);
  return Object.keys(json).length === 0 ? create(route.method.input) : fromJson(route.method.input, json);
}

/** A message from query parameters alone, for routes whose body is something else. */
export function readQuery(schema: DescMessage, query: URLSearchParams): Message {
  const violations: FieldViolation[] = [];
  const json: JsonObject = {};
  for (const [key, values] of groupQuery(query))
    if (!setAt(schema, json, key.split("."), values)) violations.push(unknownParameter(key));
  violations.push(...problemsOf(schema, json, ""));
  if (violations.length > 0) throw unreadable(violations);
  return fromJson(schema, json);
}

function bodyOf(
  { body: target, method }: Route,
  body: JsonValue | undefined,
  violations: FieldViolation[],
): JsonObject {
  if (body === undefined) return {};
  if (target === undefined) {
    violations.push({
      field: "",
      reason: "BODY_UNEXPECTED",
      description: `${method.name} takes no body; found one`,
    });
    return {};
  }
  if (target !== "*") return { [target.jsonName]: body };
  if (isObject(body)) return { ...body };
  violations.push({
    field: "",
    reason: "BODY_NOT_AN_OBJECT",
    description: `the body must be a JSON object; found ${describe(body)}`,
  });
  return {};
}

function groupQuery(query: URLSearchParams): ReadonlyMap<string, readonly string[]> {
  return new Map([...new Set(query.keys())].map((key) => [key, query.getAll(key)]));
}

/** With `body: "*"` everything but the path's variables is in the body, so a parameter would be ignored: it is refused instead. */
function addParameter(
  route: Route,
  json: JsonObject,
  key: string,
  values: readonly string[],
  violations: FieldViolation[],
): void {
  const isKnown = route.body !== "*" && setAt(route.method.input, json, key.split("."), values);
  if (!isKnown) violations.push(unknownParameter(key));
}

/** False when there is no such field, or it is no field that a parameter can carry. */
function setAt(
  schema: DescMessage,
  json: JsonObject,
  path: readonly string[],
  values: readonly string[],
): boolean {
  const [name, ...rest] = path;
  const field = name === undefined ? undefined : findField(schema, name);
  if (!field) return false;
  if (rest.length === 0) return setLeaf(field, json, values);
  if (field.fieldKind !== "message" || isWellKnown(field.message)) return false;
  const inner = json[field.jsonName];
  const nested: JsonObject = isObject(inner) ? inner : {};
  json[field.jsonName] = nested;
  return setAt(field.message, nested, rest, values);
}

function setLeaf(field: DescField, json: JsonObject, values: readonly string[]): boolean {
  if (field.fieldKind === "map" || (field.fieldKind === "message" && !isWellKnown(field.message)))
    return false;
  if (field.fieldKind === "list") {
    if (field.listKind === "message" && !isWellKnown(field.message)) return false;
    json[field.jsonName] = values.map((value) => parseText(field, value));
    return true;
  }
  json[field.jsonName] = parseText(field, values.at(-1) ?? "");
  return true;
}

/** ProtoJSON reads numbers from text, but not booleans. */
function parseText(field: DescField, text: string): JsonValue {
  if (field.scalar !== ScalarType.BOOL) return text;
  return text === "true" ? true : text === "false" ? false : text;
}

/** Everything in a JSON object that is not a field of the message, or not of the field's type. */
function problemsOf(schema: DescMessage, json: JsonObject, path: string): readonly FieldViolation[] {
  return Object.entries(json).flatMap(([key, value]) => {
    const field = findField(schema, key);
    const place = path === "" ? (field?.name ?? key) : `${path}.${field?.name ?? key}`;
    return field ? problemsOfField(schema, field, value, place) : [unknownField(schema, place)];
  });
}

function problemsOfField(
  schema: DescMessage,
  field: DescField,
  value: JsonValue,
  place: string,
): readonly FieldViolation[] {
  if (value === null) return [];
  if (field.fieldKind === "message" && !isWellKnown(field.message)) {
    return isObject(value) ? problemsOf(field.message, value, place) : [wrongType(field, value, place)];
  }
  if (
    field.fieldKind === "list" &&
    field.listKind === "message" &&
    !isWellKnown(field.message) &&
    Array.isArray(value)
  ) {
    return value.flatMap((item, index) =>
      isObject(item)
        ? problemsOf(field.message, item, `${place}[${index}]`)
        : [wrongType(field, item, `${place}[${index}]`)],
    );
  }
  return isReadable(schema, field, value) ? [] : [wrongType(field, value, place)];
}

function isReadable(schema: DescMessage, field: DescField, value: JsonValue): boolean {
  try {
    fromJson(schema, { [field.jsonName]: value });
    return true;
  } catch {
    return false; // the caller says what would be right
  }
}

function findField(schema: DescMessage, name: string): DescField | undefined {
  return schema.fields.find((field) => field.jsonName === name || field.name === name);
}

/** These have a JSON form of their own. */
function isWellKnown(schema: DescMessage): boolean {
  return schema.typeName.startsWith("google.protobuf.");
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownParameter(key: string): FieldViolation {
  return { field: key, reason: "PARAMETER_UNKNOWN", description: "is no query parameter of this method" };
}

function unknownField(schema: DescMessage, field: string): FieldViolation {
  const known = schema.fields.map(({ jsonName }) => jsonName).join(", ");
  return {
    field,
    reason: "FIELD_UNKNOWN",
    description: `is no field of ${schema.name}, which has ${known || "none"}`,
  };
}

function wrongType(field: DescField, value: JsonValue, place: string): FieldViolation {
  return {
    field: place,
    reason: "TYPE_WRONG",
    description: `must be ${typeOf(field)}; found ${describe(value)}`,
  };
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "list":
      return "a list of the right type";
    case "map":
      return "an object";
    case "message":
      return isWellKnown(field.message) ? `a ${field.message.name}` : "an object";
    case "enum":
      return `one of ${field.enum.values.map(({ name }) => name).join(", ")}`;
    case "scalar":
      return `of type ${ScalarType[field.scalar].toLowerCase()}`;
  }
}

function describe(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function unreadable(fieldViolations: readonly FieldViolation[]): RpcError {
  const fields = [...new Set(fieldViolations.map(({ field }) => field || "body"))].join(", ");
  return new RpcError("INVALID_ARGUMENT", "REQUEST_UNREADABLE", `the request cannot be read: ${fields}`, {
    fieldViolations,
  });
}
