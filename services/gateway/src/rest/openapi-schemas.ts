import {
  createFileRegistry,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "@gradients/contracts/catalogue";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** JSON schemas of ProtoJSON, collected as they are asked for. */
export interface Schemas {
  /** A reference to the message's schema. */
  ofMessage(message: DescMessage): JsonSchema;
  ofField(field: DescField): JsonSchema;
  /** The message's schema itself, without some fields. */
  inline(message: DescMessage, without: readonly string[]): JsonSchema;
  /** What the proto says about it. */
  commentOf(described: DescMethod | DescField): string;
  collected(): Readonly<Record<string, JsonSchema>>;
}

/** JSON forms of their own (https://protobuf.dev/programming-guides/json). */
const wellKnown: Readonly<Record<string, JsonSchema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.FieldMask": { type: "string", description: "Field paths separated by commas." },
  "google.protobuf.Struct": { type: "object" },
};

export function createSchemas(): Schemas {
  const found = new Map<string, JsonSchema>();
  const comments = readComments();
  const ofMessage = (message: DescMessage): JsonSchema => {
    const known = wellKnown[message.typeName];
    if (known) return known;
    const name = nameOf(message);
    if (!found.has(name)) {
      found.set(name, {}); // a message may contain itself
      found.set(name, objectOf(message, [], comments.get(message.typeName)));
    }
    return { $ref: `#/components/schemas/${name}` };
  };
  const objectOf = (message: DescMessage, without: readonly string[], description = ""): JsonSchema => {
    const fields = message.fields.filter(({ name }) => !without.includes(name));
    const properties = fields.map(
      (field) => [field.jsonName, { ...ofField(field), ...describe(comments.get(pathOf(field))) }] as const,
    );
    return { type: "object", ...describe(description), properties: Object.fromEntries(properties) };
  };
  const ofField = (field: DescField): JsonSchema => {
    switch (field.fieldKind) {
      case "scalar":
        return ofScalar(field.scalar);
      case "enum":
        return { type: "string", enum: field.enum.values.map(({ name }) => name) };
      case "message":
        return ofMessage(field.message);
      case "list":
        return {
          type: "array",
          items:
            field.listKind === "message"
              ? ofMessage(field.message)
              : field.listKind === "scalar"
                ? ofScalar(field.scalar)
                : { type: "string" },
        };
      case "map":
        return {
          type: "object",
          additionalProperties:
            field.mapKind === "message"
              ? ofMessage(field.message)
              : field.mapKind === "scalar"
                ? ofScalar(field.scalar)
                : { type: "string" },
        };
    }
  };
  return {
    ofMessage,
    ofField,
    inline: (message, without) => objectOf(message, without),
    commentOf: (described) => comments.get(pathOf(described)) ?? "",
    collected: () => Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** 64-bit integers are strings in ProtoJSON, since JavaScript's numbers are not exact beyond 2^53. */
function ofScalar(scalar: ScalarType): JsonSchema {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BYTES:
      return { type: "string", format: "byte" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: "number" };
    case ScalarType.INT32:
    case ScalarType.UINT32:
    case ScalarType.SINT32:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return { type: "integer", format: "int32" };
    default:
      return { type: "string", format: "int64" };
  }
}

/** Comments by full name, from the descriptors that were built with them. */
function readComments(): ReadonlyMap<string, string> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));
  return new Map([...registry.files].filter(({ name }) => name.startsWith("gradients/")).flatMap(commentsOf));
}

const MESSAGES = 4;
const SERVICES = 6;
const MEMBERS = 2;

function commentsOf(file: DescFile): readonly (readonly [string, string])[] {
  const texts = new Map(
    (file.proto.sourceCodeInfo?.location ?? []).map(({ path, leadingComments }) => [
      path.join(),
      leadingComments.trim(),
    ]),
  );
  const entry = (name: string, ...path: number[]) =>
    [name, texts.get(path.join())?.replaceAll(/\s*\n\s*/g, " ") ?? ""] as const;
  return [
    ...file.messages.flatMap((message, place) => [
      entry(message.typeName, MESSAGES, place),
      ...message.fields.map((field, member) => entry(pathOf(field), MESSAGES, place, MEMBERS, member)),
    ]),
    ...file.services.flatMap((service, place) =>
      service.methods.map((method, member) => entry(pathOf(method), SERVICES, place, MEMBERS, member)),
    ),
  ];
}

function pathOf(described: DescMethod | DescField): string {
  return `${described.parent.typeName}.${described.name}`;
}

/** The last part of the full name, with the outer message before it: Job, Job.State. */
function nameOf(message: DescMessage): string {
  return message.typeName.replace(/^.*\.v1\./, "");
}

function describe(description: string | undefined): JsonSchema {
  return description ? { description } : {};
}
