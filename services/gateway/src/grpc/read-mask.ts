import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { invalid } from "../domain/refusal.ts";
import type { Violation } from "../domain/violation.ts";

/** Which fields of a message stay; "all" for the whole of it. */
export type Mask = "all" | ReadonlyMap<DescField, Mask>;

/** Reads a field mask (AIP-157) against the message it selects from. Empty and "*" mean everything. Throws Refused for unknown paths. */
export function parseReadMask(schema: DescMessage, mask: FieldMask | undefined): Mask {
  const paths = mask?.paths ?? [];
  if (paths.length === 0 || paths.includes("*")) return "all";
  const violations: Violation[] = [];
  const tree = new Map<DescField, Mask>();
  for (const path of paths)
    if (!addPath(tree, schema, path.split("."))) violations.push(unknownPath(schema, path));
  if (violations.length > 0) throw invalid(...violations);
  return tree;
}

/** Clears every field that the mask does not name. */
export function applyMask<T extends Message>(schema: DescMessage, message: T, mask: Mask): T {
  if (mask !== "all") prune(reflect(schema, message), mask);
  return message;
}

/** False when there is no such field, or the path goes into a list or map. */
function addPath(tree: Map<DescField, Mask>, schema: DescMessage, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (!field) return false;
  const known = tree.get(field);
  if (rest.length === 0) tree.set(field, "all");
  if (rest.length === 0 || known === "all") return true;
  if (field.fieldKind !== "message") return false;
  const subtree = new Map(known);
  if (!addPath(subtree, field.message, rest)) return false;
  tree.set(field, subtree);
  return true;
}

function prune(message: ReflectMessage, mask: ReadonlyMap<DescField, Mask>): void {
  for (const field of message.fields) {
    const kept = mask.get(field);
    if (kept === undefined) message.clear(field);
    else if (kept !== "all" && field.fieldKind === "message" && message.isSet(field))
      prune(message.get(field), kept);
  }
}

function unknownPath(schema: DescMessage, path: string): Violation {
  const known = schema.fields.map(({ name }) => name).join(", ");
  const description = `must name fields of ${schema.name} (${known}) by dots, not into lists; found "${path}"`;
  return { field: "read_mask", reason: "READ_MASK_UNKNOWN_FIELD", description };
}
