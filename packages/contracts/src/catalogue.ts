import { readFileSync } from "node:fs";
import {
  create,
  type DescMessage,
  fromBinary,
  getOption,
  hasOption,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { event as eventOption } from "./common.ts";
import * as eventContext from "./event.ts";

/** One event type of the platform, as its descriptor declares it. */
export interface EventEntry {
  readonly typeName: string;
  readonly schema: DescMessage;
  /** NATS subject; a prefix for progress, whose subjects end in job and attempt. */
  readonly subject: string;
  readonly stream: string;
  /** The only service that may publish it. */
  readonly owner: string;
  readonly summary: string;
}

/**
 * Every event, sorted by subject. Read from the option `gradients.common.v1.event`: there is no second list
 * to keep.
 */
export const eventCatalogue: readonly EventEntry[] = readCatalogue();

const entries = new Map(eventCatalogue.map((entry) => [entry.typeName, entry]));

/**
 * The catalogue's entry of a full message name, e.g. `gradients.event.v1.JobAccepted`; undefined for a type
 * that this build does not know.
 */
export function eventByType(typeName: string): EventEntry | undefined {
  return entries.get(typeName);
}

/** The wire form of an event: the bare message. */
export function encodeEvent<Desc extends DescMessage>(
  schema: Desc,
  message: MessageInitShape<Desc>,
): Uint8Array {
  return toBinary(schema, create(schema, message));
}

/**
 * The message in an event's payload. Unknown fields of a newer publisher are kept. Throws when the bytes are
 * no such message.
 */
export function decodeEvent<Desc extends DescMessage>(schema: Desc, payload: Uint8Array): MessageShape<Desc> {
  return fromBinary(schema, payload);
}

/**
 * Serialized google.protobuf.FileDescriptorSet of all contracts with their imports and comments, for
 * reflection and OpenAPI.
 */
export function descriptorSet(): Uint8Array {
  return readFileSync(new URL("./gen/descriptors.binpb", import.meta.url));
}

function readCatalogue(): readonly EventEntry[] {
  return Object.values<unknown>(eventContext).filter(isEvent).map(toEntry).sort(bySubject);
}

function isEvent(value: unknown): value is DescMessage {
  return isMessageDescriptor(value) && hasOption(value, eventOption);
}

function isMessageDescriptor(value: unknown): value is DescMessage {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "message";
}

function toEntry(schema: DescMessage): EventEntry {
  const { subject, stream, owner, summary } = getOption(schema, eventOption);
  return { typeName: schema.typeName, schema, subject, stream, owner, summary };
}

function bySubject(a: EventEntry, b: EventEntry): number {
  if (a.subject === b.subject) return 0;
  return a.subject < b.subject ? -1 : 1;
}
