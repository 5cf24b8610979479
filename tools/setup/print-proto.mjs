// Writes a FileDescriptorProto (proto2 or proto3) back as .proto text: messages, enums, fields, oneofs,
// extensions,
// reserved ranges and JSON names. Options other than `default`, `packed`, `deprecated`, `json_name` and
// `allow_alias`
// are left out: nobody who imports the file needs them to compile.

const INDENT = "  ";
const LABELS = { 1: "optional", 2: "required", 3: "repeated" };
const SCALARS = {
  1: "double",
  2: "float",
  3: "int64",
  4: "uint64",
  5: "int32",
  6: "fixed64",
  7: "fixed32",
  8: "bool",
  9: "string",
  12: "bytes",
  13: "uint32",
  15: "sfixed32",
  16: "sfixed64",
  17: "sint32",
  18: "sint64",
};
const [GROUP, MESSAGE, ENUM, STRING, BYTES] = [10, 11, 14, 9, 12];
const MAX_FIELD_NUMBER = 536870912;

/** The .proto source of one file descriptor. */
export function printProto(file) {
  const proto3 = file.syntax === "proto3";
  const lines = [
    `syntax = "${proto3 ? "proto3" : "proto2"}";`,
    "",
    `package ${file.package};`,
    "",
    ...file.dependency.map((path) => `import "${path}";`),
    "",
    ...file.enumType.flatMap((node) => printEnum(node, "")),
    ...file.messageType.flatMap((node) => printMessage(node, "", proto3)),
    ...printExtensions(file.extension, "", proto3),
  ];
  return `${lines.join("\n")}\n`;
}

function printMessage(message, indent, proto3) {
  const inner = indent + INDENT;
  const maps = new Map(
    message.nestedType.filter((nested) => nested.options?.mapEntry).map((nested) => [nested.name, nested]),
  );
  return [
    `${indent}message ${message.name} {`,
    ...message.enumType.flatMap((node) => printEnum(node, inner)),
    ...message.nestedType
      .filter((nested) => !maps.has(nested.name))
      .flatMap((nested) => printMessage(nested, inner, proto3)),
    ...printFields(message, maps, inner, proto3),
    ...printExtensions(message.extension, inner, proto3),
    ...message.extensionRange.map((range) => `${inner}extensions ${printRange(range)};`),
    ...printReserved(message, inner, (range) => printRange(range)),
    `${indent}}`,
  ];
}

function printFields(message, maps, indent, proto3) {
  const opened = new Set();
  return message.field.flatMap((field) => {
    const group = realOneof(message, field);
    if (group === undefined) return [printField(field, maps, indent, proto3)];
    if (opened.has(group)) return [];
    opened.add(group);
    const members = message.field.filter((other) => realOneof(message, other) === group);
    return [
      `${indent}oneof ${message.oneofDecl[group].name} {`,
      ...members.map((member) => printField(member, maps, indent + INDENT, proto3, { label: false })),
      `${indent}}`,
    ];
  });
}

/** proto3 `optional` is stored as a oneof of one field; only written oneofs count. */
function realOneof(message, field) {
  const index = field.oneofIndex;
  const isSet = Object.hasOwn(field, "oneofIndex") && message.oneofDecl[index] !== undefined;
  return isSet && !field.proto3Optional ? index : undefined;
}

function printField(field, maps, indent, proto3, { label = true } = {}) {
  const entry = maps.get(field.typeName.split(".").at(-1));
  const type = entry ? `map<${printType(entry.field[0])}, ${printType(entry.field[1])}>` : printType(field);
  const prefix = label && !entry ? printLabel(field, proto3) : "";
  return `${indent}${prefix}${type} ${field.name} = ${field.number}${printOptions(field)};`;
}

function printLabel(field, proto3) {
  if (proto3 && field.label === 1) return field.proto3Optional ? "optional " : "";
  return `${LABELS[field.label]} `;
}

function printType(field) {
  if (field.type === GROUP) throw new Error(`groups are not supported: ${field.name}`);
  return field.type === MESSAGE || field.type === ENUM ? field.typeName : SCALARS[field.type];
}

function printOptions(field) {
  const options = [];
  if (field.defaultValue) options.push(`default = ${printDefault(field)}`);
  if (field.options && Object.hasOwn(field.options, "packed"))
    options.push(`packed = ${field.options.packed}`);
  if (field.options?.deprecated) options.push("deprecated = true");
  if (field.jsonName && field.jsonName !== defaultJsonName(field.name))
    options.push(`json_name = "${field.jsonName}"`);
  return options.length > 0 ? ` [${options.join(", ")}]` : "";
}

function printDefault(field) {
  return field.type === STRING || field.type === BYTES
    ? JSON.stringify(field.defaultValue)
    : field.defaultValue;
}

function defaultJsonName(name) {
  return name.replace(/_+([a-z0-9]?)/g, (_, letter) => letter.toUpperCase());
}

function printExtensions(extensions, indent, proto3) {
  return extensions.flatMap((extension) => [
    `${indent}extend ${extension.extendee} {`,
    printField(extension, new Map(), indent + INDENT, proto3),
    `${indent}}`,
  ]);
}

function printEnum(node, indent) {
  const alias = node.options?.allowAlias ? [`${indent}${INDENT}option allow_alias = true;`] : [];
  return [
    `${indent}enum ${node.name} {`,
    ...alias,
    ...node.value.map((value) => `${indent}${INDENT}${value.name} = ${value.number};`),
    ...printReserved(node, indent + INDENT, (range) =>
      printRange({ start: range.start, end: range.end + 1 }),
    ),
    `${indent}}`,
  ];
}

function printReserved(node, indent, print) {
  const ranges = node.reservedRange.map(print);
  const names = node.reservedName.map((name) => JSON.stringify(name));
  return [ranges, names]
    .filter((list) => list.length > 0)
    .map((list) => `${indent}reserved ${list.join(", ")};`);
}

/** Descriptor ranges are half open; the source form includes its end. */
function printRange({ start, end }) {
  if (end === start + 1) return String(start);
  return `${start} to ${end >= MAX_FIELD_NUMBER ? "max" : end - 1}`;
}
