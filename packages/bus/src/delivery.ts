import type { Tx } from "@gradients/db";
import { type EventId, failpoint } from "@gradients/kernel";
import { inSpan, withExtractedTrace } from "@gradients/runtime";
import type { JsMsg } from "@nats-io/jetstream";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { sql } from "kysely";
import type { Accepted, DeliveryOptions } from "./accepted.ts";
import { arrayText } from "./array-text.ts";
import { type EventHandler, PermanentError } from "./handlers.ts";
import { ADDRESSEE_HEADER, fromMsgHeaders } from "./headers.ts";
import { messagingAttributes } from "./messaging-attributes.ts";
import { countConsumed, type Outcome } from "./observe.ts";
import { reject, whileDatabaseIsBack } from "./reject.ts";
import type { BusTables } from "./tables.ts";

export interface Delivery {
  /** Settles messages in their order: acked, to come again, or put aside. Never throws. */
  process(messages: readonly JsMsg[]): Promise<void>;
}

export function createDelivery<T extends BusTables>(options: DeliveryOptions<T>): Delivery {
  const handlers = new Map(options.handlers.map((handler) => [handler.schema.typeName, handler]));
  return {
    process: async (messages) => {
      const accepted = messages.flatMap((message) => accept(options, handlers, message) ?? []);
      for (const group of groups(accepted)) await settleGroup(options, group);
    },
  };
}

/** What is not for a handler of this consumer is acked at once. */
function accept<T extends BusTables>(
  options: DeliveryOptions<T>,
  handlers: ReadonlyMap<string, EventHandler<T>>,
  message: JsMsg,
): Accepted<T> | undefined {
  const headers = fromMsgHeaders(message.headers);
  const type = headers["ce-type"] ?? "";
  const handler = handlers.get(type);
  const eventId = headers["ce-id"];
  const addressee = headers[ADDRESSEE_HEADER] ?? options.consumer;
  if (handler && isUuid(eventId) && addressee === options.consumer)
    return { message, headers, handler, eventId: eventId as EventId, takenAt: performance.now() };
  message.ack();
  const outcome = !handler
    ? "unknown_type"
    : addressee !== options.consumer
      ? "not_addressed"
      : ("malformed" as const);
  countConsumed(options.consumer, type, outcome, 0);
  if (outcome === "malformed")
    options.logger.warn(
      { subject: message.subject, sequence: message.seq },
      "message without an event id dropped",
    );
  return undefined;
}

function isUuid(text: string | undefined): boolean {
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** What comes for the first time may share a transaction; what failed before gets one of its own. */
function groups<T extends BusTables>(accepted: readonly Accepted<T>[]): Accepted<T>[][] {
  const all: Accepted<T>[][] = [];
  let open: Accepted<T>[] | undefined;
  for (const item of accepted) {
    const mayShare = item.message.info.deliveryCount === 1;
    if (mayShare && open) open.push(item);
    else all.push([item]);
    open = mayShare ? all.at(-1) : undefined;
  }
  return all;
}

async function settleGroup<T extends BusTables>(
  options: DeliveryOptions<T>,
  group: readonly Accepted<T>[],
): Promise<void> {
  const [first] = group;
  if (!first) return;
  if (options.signal.aborted) for (const { message } of group) message.nak();
  else if (group.length === 1) await settleAlone(options, first);
  else await settleTogether(options, group);
}

/** Transaction and ack belong to the event's trace. */
async function settleAlone<T extends BusTables>(
  options: DeliveryOptions<T>,
  item: Accepted<T>,
): Promise<void> {
  const outcome = await inConsumerSpan(options.consumer, item, async () => {
    try {
      if (item.message.info.deliveryCount > options.maxDeliveries)
        throw new PermanentError("Delivered too often without an outcome");
      const outcomes = await whileDatabaseIsBack(options, () =>
        handleInOneTransaction(options, [item], handle),
      );
      ackAll([item]);
      return outcomes.get(item) ?? "duplicate";
    } catch (error) {
      return reject(options, item, error);
    }
  });
  count(options, item, outcome);
}

/**
 * One transaction for all of them, in which each handler runs in its event's own trace. When one fails, nothing has happened yet: those before it are done
 * again, then it alone, then those after it.
 */
async function settleTogether<T extends BusTables>(
  options: DeliveryOptions<T>,
  group: readonly Accepted<T>[],
): Promise<void> {
  let reached = -1;
  const handleTraced: Handle<T> = async (item, tx) => {
    reached = group.indexOf(item);
    await inConsumerSpan(options.consumer, item, async () => {
      await handle(item, tx);
      return "handled";
    });
  };
  try {
    const outcomes = await handleInOneTransaction(options, group, handleTraced);
    ackAll(group);
    for (const item of group) count(options, item, outcomes.get(item) ?? "duplicate");
  } catch (err) {
    options.logger.debug({ events: group.length, err }, "events of one transaction are handled apart");
    const failed = Math.max(reached, 0);
    await settleGroup(options, group.slice(0, failed));
    await settleGroup(options, group.slice(failed, failed + 1));
    await settleGroup(options, group.slice(failed + 1));
  }
}

/** Those that were handled before are missing in the result. */
async function handleInOneTransaction<T extends BusTables>(
  { db, consumer, batchSize }: DeliveryOptions<T>,
  items: readonly Accepted<T>[],
  handleOne: Handle<T>,
): Promise<ReadonlyMap<Accepted<T>, Outcome>> {
  failpoint("bus.before-inbox");
  return db.tx(async (tx) => {
    const outcomes = new Map<Accepted<T>, Outcome>();
    const fresh = await insertInbox(tx as unknown as Tx<BusTables>, consumer, items);
    if (fresh.size === 0) return outcomes;
    failpoint("bus.inbox-inserted");
    const startedAt = performance.now();
    for (const item of items) {
      if (!fresh.delete(item.eventId)) continue;
      await handleOne(item, tx);
      outcomes.set(item, "handled");
    }
    batchSize.learn(items.length, performance.now() - startedAt);
    return outcomes;
  });
}

/**
 * The events that were not handled before. A delivery of one going on elsewhere is waited for: its row is locked, in the order of the ids, so that two of these
 * cannot wait for each other. One row comes back, since reading one for each event would cost more.
 */
async function insertInbox<T extends BusTables>(
  tx: Tx<BusTables>,
  consumer: string,
  items: readonly Accepted<T>[],
): Promise<Set<string>> {
  const eventIds = arrayText(items.map(({ eventId }) => eventId).toSorted());
  const { rows } = await sql<{ fresh: string | null }>`
    with inserted as (
      insert into inbox (consumer, event_id) select ${consumer}, unnest(${eventIds}::uuid[])
      on conflict do nothing returning event_id)
    select string_agg(event_id::text, ',') as fresh from inserted`.execute(tx);
  return new Set(rows[0]?.fresh?.split(","));
}

const handle = async <T extends BusTables>(
  { handler, headers, message, eventId }: Accepted<T>,
  tx: Tx<T>,
) => {
  const time = new Date(headers["ce-time"] ?? message.time);
  await handler.handle(message.data, { tx, eventId, time, aggregateId: headers["ce-subject"] ?? "" });
};

/** Only after the commit. */
function ackAll<T extends BusTables>(items: readonly Accepted<T>[]): void {
  failpoint("bus.before-ack");
  for (const { message } of items) message.ack();
  failpoint("bus.acked");
}

function count<T extends BusTables>(
  { consumer }: DeliveryOptions<T>,
  item: Accepted<T>,
  outcome: Outcome,
): void {
  const seconds = (performance.now() - item.takenAt) / 1000;
  countConsumed(consumer, item.handler.schema.typeName, outcome, seconds);
}

function inConsumerSpan<T extends BusTables>(
  consumer: string,
  { message, headers }: Accepted<T>,
  fn: () => Promise<Outcome>,
): Promise<Outcome> {
  if (headers["traceparent"] === undefined) return fn();
  const attributes = {
    ...messagingAttributes("process", message.subject, headers),
    "messaging.consumer.group.name": consumer,
    "gradients.delivery": message.info.deliveryCount,
  };
  const span = {
    scope: "@gradients/bus",
    name: `process ${message.subject}`,
    kind: SpanKind.CONSUMER,
    attributes,
  };
  return withExtractedTrace(headers, () =>
    inSpan(span, async (active) => {
      const outcome = await fn();
      active.setAttribute("gradients.outcome", outcome);
      if (outcome === "retried" || outcome === "dead_lettered")
        active.setStatus({ code: SpanStatusCode.ERROR });
      return outcome;
    }),
  );
}

type Handle<T extends BusTables> = (item: Accepted<T>, tx: Tx<T>) => Promise<void>;
