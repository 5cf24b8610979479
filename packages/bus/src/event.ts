import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { encodeEvent, eventByType } from "@gradients/contracts/catalogue";
import { type EventId, newId } from "@gradients/kernel";

/** A fact that leaves with the transaction that made it true. */
export interface OutboxEvent {
  readonly eventId: EventId;
  readonly type: string;
  readonly subject: string;
  /** The service that alone may publish it. */
  readonly source: string;
  readonly aggregateId: string;
  readonly payload: Uint8Array;
}

/** Files and long lists travel as object references; this is well below the server's limit of 1 MiB. */
const MAX_PAYLOAD_BYTES = 512 * 1024;

/** Encodes an event of the catalogue. `aggregateId` is what it is about (a job's id, mostly): events about the same thing are handled in their order. */
export function event<Desc extends DescMessage>(
  schema: Desc,
  message: MessageInitShape<Desc>,
  { aggregateId }: { readonly aggregateId: string },
): OutboxEvent {
  const entry = eventByType(schema.typeName);
  if (!entry) throw new Error(`${schema.typeName} is not in the event catalogue`);
  const payload = encodeEvent(schema, message);
  if (payload.byteLength > MAX_PAYLOAD_BYTES)
    throw new Error(`${schema.typeName} has ${payload.byteLength} bytes, more than ${MAX_PAYLOAD_BYTES}`);
  return {
    eventId: newId<EventId>(),
    type: schema.typeName,
    subject: entry.subject,
    source: entry.owner,
    aggregateId,
    payload,
  };
}
