import type { Database } from "@gradients/db";
import type { EventId } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import type { JsMsg } from "@nats-io/jetstream";
import type { BatchSize } from "./batch-size.ts";
import type { EventHandler, EventHandlers } from "./handlers.ts";
import type { BusTables, Headers } from "./tables.ts";

/** A message that has a handler here. */
export interface Accepted<T extends BusTables> {
  readonly message: JsMsg;
  readonly headers: Headers;
  readonly handler: EventHandler<T>;
  readonly eventId: EventId;
  /** By performance.now(). */
  readonly takenAt: number;
}

export interface DeliveryOptions<T extends BusTables> {
  readonly consumer: string;
  readonly db: Database<T>;
  readonly busDb: Database<BusTables>;
  readonly logger: Logger;
  readonly handlers: EventHandlers<T>;
  readonly maxDeliveries: number;
  readonly signal: AbortSignal;
  readonly batchSize: BatchSize;
}
