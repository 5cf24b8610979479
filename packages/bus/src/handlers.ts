import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { decodeEvent } from "@gradients/contracts/catalogue";
import type { Tx } from "@gradients/db";
import type { EventId } from "@gradients/kernel";
import type { BusTables } from "./tables.ts";

export interface EventContext<T extends BusTables> {
  /** The inbox's transaction. Effects and outgoing events belong in it: they and the note that the event was handled commit together. */
  readonly tx: Tx<T>;
  readonly eventId: EventId;
  /** When it happened, in the publisher's database time. */
  readonly time: Date;
  readonly aggregateId: string;
}

/** Handles one type of event. Throws to be called again later, PermanentError to have the event put aside as a dead letter. */
export interface EventHandler<T extends BusTables> {
  readonly schema: DescMessage;
  readonly handle: (payload: Uint8Array, context: EventContext<T>) => Promise<void>;
}

export type EventHandlers<T extends BusTables> = readonly EventHandler<T>[];

/** The event will never be handled, however often it is delivered. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}

export function on<Desc extends DescMessage, T extends BusTables = BusTables>(
  schema: Desc,
  handler: (message: MessageShape<Desc>, context: EventContext<T>) => Promise<void>,
): EventHandler<T> {
  return { schema, handle: async (payload, context) => handler(decode(schema, payload), context) };
}

function decode<Desc extends DescMessage>(schema: Desc, payload: Uint8Array): MessageShape<Desc> {
  try {
    return decodeEvent(schema, payload);
  } catch (cause) {
    throw new PermanentError(`The payload is no ${schema.typeName}`, { cause });
  }
}
