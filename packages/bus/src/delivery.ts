import { type Database, isUnreachable } from "@gradients/db";
import { type EventId, failpoint } from "@gradients/kernel";
import { inSpan, type Logger, withBackoff, withExtractedTrace } from "@gradients/runtime";
import type { JsMsg } from "@nats-io/jetstream";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { Transaction } from "kysely";
import { recordDeadLetter } from "./dead-letters.ts";
import { type EventHandler, type EventHandlers, PermanentError } from "./handlers.ts";
import { ADDRESSEE_HEADER, fromMsgHeaders } from "./headers.ts";
import { messagingAttributes } from "./messaging-attributes.ts";
import { countConsumed, type Outcome } from "./observe.ts";
import type { BusTables, Headers } from "./tables.ts";

export interface DeliveryOptions<T extends BusTables> {
  readonly consumer: string;
  readonly db: Database<T>;
  readonly busDb: Database<BusTables>;
  readonly logger: Logger;
  readonly handlers: EventHandlers<T>;
  readonly maxDeliveries: number;
  readonly signal: AbortSignal;
}

export interface Delivery {
  /** Settles one message: acked, to come again, or put aside. Never throws. */
  process(message: JsMsg): Promise<void>;
}

/** Waits between deliveries, about four minutes in all; the last one repeats. */
const retryDelaysMs = [500, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000];

export function createDelivery<T extends BusTables>(options: DeliveryOptions<T>): Delivery {
  const handlers = new Map(options.handlers.map((handler) => [handler.schema.typeName, handler]));
  return {
    process: async (message) => {
      if (options.signal.aborted) return message.nak();
      const headers = fromMsgHeaders(message.headers);
      const type = headers["ce-type"] ?? "";
      const startedAt = performance.now();
      const outcome = await route(options, handlers.get(type), headers, message);
      countConsumed(options.consumer, type, outcome, (performance.now() - startedAt) / 1000);
    },
  };
}

async function route<T extends BusTables>(
  options: DeliveryOptions<T>,
  handler: EventHandler<T> | undefined,
  headers: Headers,
  message: JsMsg,
): Promise<Outcome> {
  const addressee = headers[ADDRESSEE_HEADER] ?? options.consumer;
  if (handler && isUuid(headers["ce-id"]) && addressee === options.consumer) {
    return withExtractedTrace(headers, () =>
      inConsumerSpan(options.consumer, message, headers, () => settle(options, handler, headers, message)),
    );
  }
  message.ack();
  if (!handler) return "unknown_type";
  if (addressee !== options.consumer) return "not_addressed";
  options.logger.warn(
    { subject: message.subject, sequence: message.seq },
    "message without an event id dropped",
  );
  return "malformed";
}

function isUuid(text: string | undefined): boolean {
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

function inConsumerSpan(
  consumer: string,
  { subject, info }: JsMsg,
  headers: Headers,
  fn: () => Promise<Outcome>,
): Promise<Outcome> {
  const attributes = {
    ...messagingAttributes("process", subject, headers),
    "messaging.consumer.group.name": consumer,
    "gradients.delivery": info.deliveryCount,
  };
  const name = `process ${subject}`;
  return inSpan({ scope: "@gradients/bus", name, kind: SpanKind.CONSUMER, attributes }, async (span) => {
    const outcome = await fn();
    span.setAttribute("gradients.outcome", outcome);
    if (outcome === "retried" || outcome === "dead_lettered") span.setStatus({ code: SpanStatusCode.ERROR });
    return outcome;
  });
}

async function settle<T extends BusTables>(
  options: DeliveryOptions<T>,
  handler: EventHandler<T>,
  headers: Headers,
  message: JsMsg,
): Promise<Outcome> {
  try {
    const outcome = await whileDatabaseIsBack(options, () => handleOnce(options, handler, headers, message));
    failpoint("bus.before-ack");
    message.ack();
    failpoint("bus.acked");
    return outcome;
  } catch (error) {
    return reject(options, headers, message, error);
  }
}

/** A database that is away is no fault of the event and costs it no delivery. */
function whileDatabaseIsBack<T extends BusTables, R>(
  { logger, signal }: DeliveryOptions<T>,
  fn: () => Promise<R>,
): Promise<R> {
  return withBackoff({ what: "handle event", logger, signal, maxMs: 5_000, isRetryable: isUnreachable }, fn);
}

async function handleOnce<T extends BusTables>(
  { db, consumer, maxDeliveries }: DeliveryOptions<T>,
  handler: EventHandler<T>,
  headers: Headers,
  message: JsMsg,
): Promise<Outcome> {
  if (message.info.deliveryCount > maxDeliveries)
    throw new PermanentError("Delivered too often without an outcome");
  const eventId = headers["ce-id"] as EventId; // checked by route
  const time = new Date(headers["ce-time"] ?? message.time);
  failpoint("bus.before-inbox");
  const handled = await db.txAfter(
    (trx) => insertInbox(trx as unknown as Transaction<BusTables>, consumer, eventId),
    async (tx) => {
      failpoint("bus.inbox-inserted");
      await handler.handle(message.data, { tx, eventId, time, aggregateId: headers["ce-subject"] ?? "" });
      return true;
    },
  );
  return handled ? "handled" : "duplicate";
}

/** The transaction's time; undefined when the event was handled before. A delivery of it going on elsewhere is waited for: its row is locked. */
async function insertInbox(
  trx: Transaction<BusTables>,
  consumer: string,
  eventId: EventId,
): Promise<Date | undefined> {
  const row = await trx
    .insertInto("inbox")
    .values({ consumer, event_id: eventId })
    .onConflict((conflict) => conflict.doNothing())
    .returning("received_at")
    .executeTakeFirst();
  return row?.received_at;
}

async function reject<T extends BusTables>(
  options: DeliveryOptions<T>,
  headers: Headers,
  message: JsMsg,
  error: unknown,
): Promise<Outcome> {
  const { logger, maxDeliveries, consumer, signal } = options;
  const deliveries = message.info.deliveryCount;
  const fields = { event_id: headers["ce-id"], type: headers["ce-type"], deliveries, err: error };
  const isFinal = error instanceof PermanentError || deliveries >= maxDeliveries;
  if (signal.aborted || !isFinal) return retryLater(options, message, fields);
  failpoint("bus.before-dead-letter");
  try {
    await whileDatabaseIsBack(options, () =>
      recordDeadLetter(options.busDb, {
        consumer,
        headers,
        subject: message.subject,
        payload: message.data,
        deliveries,
        error,
      }),
    );
  } catch (cause) {
    return retryLater(options, message, { ...fields, err: cause });
  }
  failpoint("bus.dead-letter-recorded");
  message.term("dead letter recorded");
  logger.error(fields, "event put aside as a dead letter");
  return "dead_lettered";
}

function retryLater<T extends BusTables>(
  { logger }: DeliveryOptions<T>,
  message: JsMsg,
  fields: { readonly deliveries: number; readonly err: unknown },
): Outcome {
  const base = retryDelaysMs[Math.min(fields.deliveries, retryDelaysMs.length) - 1] ?? 0;
  const delayMs = Math.round(base * (0.75 + Math.random() / 2));
  logger[fields.deliveries < 3 ? "info" : "warn"](
    { ...fields, delay_ms: delayMs },
    "event will be delivered again",
  );
  message.nak(delayMs);
  return "retried";
}
