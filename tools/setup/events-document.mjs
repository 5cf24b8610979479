// docs/events.md from the descriptors: the same source as the running catalogue
// (packages/contracts/src/catalogue.ts).
// Run alone it writes the document; with --check it fails when the document is stale.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFileRegistry, fromBinary, getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { writeWhole } from "./files.mjs";

const EVENT_OPTION = "gradients.common.v1.event";
const MESSAGE_PATH = 4;
const FIELD_PATH = 2;

const self = fileURLToPath(import.meta.url);
const root = join(dirname(self), "../..");
const descriptors = join(root, "packages/contracts/src/gen/descriptors.binpb");
const document = join(root, "docs/events.md");

if (process.argv[1] === self) {
  if (process.argv.includes("--check")) checkEventsDocument();
  else writeEventsDocument();
}

export function writeEventsDocument() {
  const wanted = eventsDocument(readFileSync(descriptors));
  if (currentDocument() !== wanted) writeWhole(document, wanted);
}

function checkEventsDocument() {
  if (currentDocument() === eventsDocument(readFileSync(descriptors))) return;
  process.stderr.write(
    "docs/events.md does not match proto/: run `npm run generate` and commit the document\n",
  );
  process.exitCode = 1;
}

function currentDocument() {
  return existsSync(document) ? readFileSync(document, "utf8") : "";
}

/** @param {Uint8Array} descriptorSet with source info @returns {string} Markdown */
export function eventsDocument(descriptorSet) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
  const option = registry.getExtension(EVENT_OPTION);
  if (!option) throw new Error(`proto/ does not define the message option ${EVENT_OPTION}`);
  const messages = [...registry.files].flatMap((file) => file.messages);
  const events = messages
    .filter((message) => hasOption(message, option))
    .map((message) => ({ message, option: getOption(message, option) }))
    .sort((a, b) => compare(a.option.subject, b.option.subject));
  const lines = [
    ...header(),
    ...index(events),
    ...events.flatMap(eventSection),
    ...partsSection(messages, option),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

function header() {
  return [
    "<!-- Generated from proto/gradients by `npm run generate`. Edit the .proto files instead. -->",
    "",
    "# Events",
    "",
    "Every event is its own protobuf message. The payload on the bus is the bare message; headers carry",
    "`Nats-Msg-Id` (the event's id), `traceparent` and the CloudEvents names `ce-type`, `ce-source`, `ce-subject`",
    "and `ce-time`. Within v1 a message only ever gains fields.",
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

function eventSection({ message, option }) {
  const text = comment(message.file, path(message)) || option.summary;
  const origin = `Type \`${message.typeName}\`, subject \`${option.subject}\`.`;
  return [`## ${message.name}`, "", text, "", ...fieldTable(message), origin, ""];
}

/** The messages that events are made of. */
function partsSection(messages, option) {
  const packages = ["gradients.event.v1", "gradients.common.v1"];
  const parts = messages
    .filter((message) => packages.includes(message.file.proto.package) && !hasOption(message, option))
    .filter((message) => message.typeName !== option.message.typeName)
    .sort((a, b) => compare(a.name, b.name));
  return ["# Parts of events", "", ...parts.flatMap(partSection)];
}

function partSection(message) {
  const text = comment(message.file, path(message));
  return [`## ${message.name}`, "", ...(text ? [text, ""] : []), ...fieldTable(message)];
}

function fieldTable(message) {
  const rows = message.fields.map((field) => [
    `\`${field.name}\``,
    String(field.number),
    `\`${typeOf(field)}\``,
    comment(message.file, [...path(message), FIELD_PATH, message.proto.field.indexOf(field.proto)]),
  ]);
  return rows.length === 0 ? [] : [...table(["Field", "No.", "Type", "Meaning"], rows), ""];
}

function table(head, rows) {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escapeCell).join(" | ")} |`);
}

/** Markdown would take a bar for the cell's end and `<job_id>` for a tag; in code only the bar matters. */
function escapeCell(cell) {
  const text = cell.replaceAll("|", "\\|");
  return text.startsWith("`") ? text : text.replaceAll("<", "\\<");
}

function typeOf(field) {
  const name = field.message?.name ?? field.enum?.name ?? scalarName(field.scalar);
  if (field.fieldKind === "map") return `map<${scalarName(field.mapKey)}, ${name}>`;
  return field.fieldKind === "list" ? `repeated ${name}` : name;
}

function scalarName(scalar) {
  return ScalarType[scalar].toLowerCase();
}

function path(message) {
  return [MESSAGE_PATH, message.file.proto.messageType.indexOf(message.proto)];
}

/** The leading comment at a source path, on one line. */
function comment(file, wanted) {
  const location = file.proto.sourceCodeInfo?.location.find(
    (candidate) =>
      candidate.path.length === wanted.length &&
      candidate.path.every((part, position) => part === wanted[position]),
  );
  return (location?.leadingComments || location?.trailingComments || "").trim().replace(/\s*\n\s*/g, " ");
}

function compare(a, b) {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
