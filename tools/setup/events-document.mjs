// docs/events.md from the descriptors: the same source as the running catalogue (packages/contracts/src/catalogue.ts), so the two cannot disagree.
import { createFileRegistry, fromBinary, getOption, hasOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const EVENT_OPTION = "gradients.common.v1.event";
const MESSAGE_PATH = 4;
const FIELD_PATH = 2;

/** @param {Uint8Array} descriptorSet with source info @returns {string} Markdown */
export function eventsDocument(descriptorSet) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  const option = registry.getExtension(EVENT_OPTION);
  if (!option) throw new Error(`proto/ does not define the message option ${EVENT_OPTION}`);
  const events = [...registry.files]
    .flatMap((file) => file.messages)
    .filter((message) => hasOption(message, option))
    .map((message) => ({ message, option: getOption(message, option) }))
    .sort((a, b) => compare(a.option.subject, b.option.subject));
  return `${[...header(), ...index(events), ...events.flatMap(section)].join("\n")}\n`;
}

function header() {
  return [
    "<!-- Generated from proto/gradients by `npm run generate`. Edit the .proto files instead. -->",
    "",
    "# Events",
    "",
    "Every event is its own protobuf message. The payload on the bus is the bare message; headers carry `Nats-Msg-Id` (the event's id), `traceparent`",
    "and the CloudEvents names `ce-type`, `ce-source`, `ce-subject` and `ce-time`. Within v1 a message only ever gains fields.",
    "",
  ];
}

function index(events) {
  const rows = events.map(({ message, option }) => [
    `[${message.name}](#${message.name.toLowerCase()})`,
    `\`${option.subject}\``,
    option.stream,
    option.owner,
    option.summary,
  ]);
  return [...table(["Event", "Subject", "Stream", "Published by", "When"], rows), ""];
}

function section({ message, option }) {
  const rows = message.fields.map((field) => [
    `\`${field.name}\``,
    String(field.number),
    `\`${typeOf(field)}\``,
    comment(message.file, [...path(message), FIELD_PATH, message.proto.field.indexOf(field.proto)]),
  ]);
  const text = comment(message.file, path(message)) || option.summary;
  return [`## ${message.name}`, "", text, "", ...fieldTable(rows), `Type \`${message.typeName}\`, subject \`${option.subject}\`.`, ""];
}

function fieldTable(rows) {
  return rows.length === 0 ? [] : [...table(["Field", "No.", "Type", "Meaning"], rows), ""];
}

function table(head, rows) {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
}

function typeOf(field) {
  const { proto } = field;
  if (field.fieldKind === "map") return `map<${scalarName(field.mapKey)}, ${field.message?.name ?? field.enum?.name ?? scalarName(field.scalar)}>`;
  const name = field.message?.name ?? field.enum?.name ?? scalarName(field.scalar ?? proto.type);
  return field.fieldKind === "list" ? `repeated ${name}` : name;
}

const SCALAR_NAMES = [
  "",
  "double",
  "float",
  "int64",
  "uint64",
  "int32",
  "fixed64",
  "fixed32",
  "bool",
  "string",
  "",
  "",
  "bytes",
  "uint32",
  "",
  "sfixed32",
  "sfixed64",
  "sint32",
  "sint64",
];

function scalarName(scalar) {
  return SCALAR_NAMES[scalar];
}

function path(message) {
  return [MESSAGE_PATH, message.file.proto.messageType.indexOf(message.proto)];
}

/** The leading comment at a source path, on one line. */
function comment(file, wanted) {
  const location = file.proto.sourceCodeInfo?.location.find(
    (candidate) => candidate.path.length === wanted.length && candidate.path.every((part, position) => part === wanted[position]),
  );
  return (location?.leadingComments || location?.trailingComments || "").trim().replace(/\s*\n\s*/g, " ");
}

function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
