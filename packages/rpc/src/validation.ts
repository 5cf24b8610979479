import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type Path,
  pathToString,
  type ReflectMessage,
  type ReflectMessageGet,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { type FieldViolation, RpcError } from "./errors.ts";

const MAX_FOUND_LENGTH = 80;
/** Details travel in HTTP/2 trailers, and many peers allow 8 KiB of those. */
const MAX_VIOLATIONS = 20;

export type Validate = (schema: DescMessage, message: Message) => void;

/**
 * Checks the rules written in the .proto file. Throws INVALID_ARGUMENT that names each field, what would be
 * right and what was found.
 */
export function createRequestValidator(): Validate {
  const validator = createValidator();
  return (schema, message) => {
    const result = validator.validate(schema, message);
    if (result.kind === "valid") return;
    if (result.kind === "error") throw result.error;
    const fieldViolations = result.violations
      .slice(0, MAX_VIOLATIONS)
      .map((violation) => toFieldViolation(schema, message, violation));
    const fields = [...new Set(fieldViolations.map(({ field }) => field))].join(", ");
    throw new RpcError("INVALID_ARGUMENT", "REQUEST_INVALID", `invalid request: ${fields}`, {
      fieldViolations,
    });
  };
}

function toFieldViolation(schema: DescMessage, message: Message, violation: Violation): FieldViolation {
  const found = describe(valueAt(schema, message, violation.field), violation.field);
  return {
    field: pathToString(violation.field) || schema.name,
    description: `${violation.message}, found ${found}`,
    reason: violation.ruleId.replaceAll(/[^a-zA-Z0-9]+/g, "_").toUpperCase(),
  };
}

type Found = ReflectMessageGet | undefined;

/** Follows a violation's path into the message; undefined where nothing is set. */
function valueAt(schema: DescMessage, message: Message, path: Path): Found {
  return path.reduce<Found>(
    (current, step) => {
      if (step.kind === "list_sub")
        return isReflectList(current) ? (current.get(step.index) as Found) : undefined;
      if (step.kind === "map_sub")
        return isReflectMap(current) ? (current.get(step.key) as Found) : undefined;
      if (step.kind === "field") return isReflectMessage(current) ? fieldOf(current, step) : undefined;
      return undefined;
    },
    reflect(schema, message),
  );
}

/** An unset message is nothing; an unset scalar is its zero value. */
function fieldOf(message: ReflectMessage, field: DescField): Found {
  return field.fieldKind === "message" && !message.isSet(field) ? undefined : message.get(field);
}

function describe(found: Found, path: Path): string {
  const field = path.at(-1);
  if (found === undefined) return "nothing";
  if (isReflectMessage(found)) return `a ${found.desc.name}`;
  if (isReflectList(found) || isReflectMap(found)) return `${found.size} items`;
  if (found instanceof Uint8Array) return `${found.length} bytes`;
  if (field?.kind === "field" && field.fieldKind === "enum")
    return field.enum.value[Number(found)]?.name ?? String(found);
  return shorten(typeof found === "string" ? JSON.stringify(found) : String(found));
}

function shorten(text: string): string {
  return text.length > MAX_FOUND_LENGTH
    ? `${text.slice(0, MAX_FOUND_LENGTH)}… (${text.length} characters)`
    : text;
}
