import type { Database } from "@gradients/db";
import { type Logger, meter, observeGauges, requestSeconds } from "@gradients/runtime";
import { sql } from "kysely";
import type { Bus, StreamName } from "./connect-bus.ts";
import type { BusTables } from "./tables.ts";

export type Outcome =
  | "handled"
  | "duplicate"
  | "unknown_type"
  | "malformed"
  | "not_addressed"
  | "retried"
  | "dead_lettered";

const SCOPE = "@gradients/bus";

export function countPublished(service: string, events: readonly { readonly type: string }[]): void {
  const counter = meter(SCOPE).createCounter("gradients.bus.published", {
    unit: "{event}",
    description: "Events relayed from the outbox, by service and type.",
  });
  for (const { type } of events) counter.add(1, { service, type });
}

export function countConsumed(consumer: string, type: string, outcome: Outcome, seconds: number): void {
  meter(SCOPE)
    .createCounter("gradients.bus.consumed", {
      unit: "{event}",
      description: "Deliveries by consumer, type and what became of them.",
    })
    .add(1, { consumer, type, outcome });
  meter(SCOPE)
    .createHistogram("messaging.process.duration", {
      unit: "s",
      description: "Time to handle one delivery, by consumer and outcome.",
      advice: { explicitBucketBoundaries: requestSeconds },
    })
    .record(seconds, {
      "messaging.system": "nats",
      "messaging.consumer.group.name": consumer,
      "gradients.outcome": outcome,
    });
}

interface OutboxGauges {
  readonly db: Database<BusTables>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly service: string;
}

/** What waits in the outbox and what was put aside. Indexes outbox_unpublished; dead letters are few. */
export function observeOutbox({ db, bus, logger, service }: OutboxGauges): () => void {
  const pending = meter(SCOPE).createObservableGauge("gradients.bus.outbox.pending", {
    unit: "{event}",
    description: "Events in the outbox that are not on the bus yet, by service.",
  });
  const oldestAge = meter(SCOPE).createObservableGauge("gradients.bus.outbox.oldest_age", {
    unit: "s",
    description: "Age of the oldest event in the outbox that is not on the bus yet, by service.",
  });
  const deadLetters = meter(SCOPE).createObservableGauge("gradients.bus.dead_letters", {
    unit: "{event}",
    description: "Events that were put aside and not replayed yet, by service.",
  });
  const connected = meter(SCOPE).createObservableGauge("gradients.bus.connected", {
    unit: "1",
    description: "1 while there is a connection to NATS, by service.",
  });
  return observeGauges({
    scope: SCOPE,
    logger,
    gauges: [pending, oldestAge, deadLetters, connected],
    read: async (result) => {
      result.observe(connected, bus.isConnected() ? 1 : 0, { service });
      const { rows } = await sql<OutboxFigures>`
        select count(*)::int as pending, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest_age,
          (select count(*)::int from dead_letter where replayed_at is null) as dead_letters
        from outbox where published_at is null`.execute(db.q);
      const [figures] = rows;
      if (!figures) return;
      result.observe(pending, figures.pending, { service });
      result.observe(oldestAge, figures.oldest_age, { service });
      result.observe(deadLetters, figures.dead_letters, { service });
    },
  });
}

interface OutboxFigures {
  readonly pending: number;
  readonly oldest_age: number;
  readonly dead_letters: number;
}

interface ConsumerGauges {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly stream: StreamName;
  readonly durable: string;
}

/** A durable consumer's place in its stream, as the server tells it. */
export function observeConsumer({ bus, logger, stream, durable }: ConsumerGauges): () => void {
  const pending = meter(SCOPE).createObservableGauge("gradients.bus.consumer.pending", {
    unit: "{message}",
    description:
      "Messages in the stream that were not delivered to the consumer yet, by stream and consumer.",
  });
  const unacked = meter(SCOPE).createObservableGauge("gradients.bus.consumer.ack_pending", {
    unit: "{message}",
    description: "Messages that were delivered and not settled yet, by stream and consumer.",
  });
  return observeGauges({
    scope: SCOPE,
    logger,
    gauges: [pending, unacked],
    read: async (result) => {
      if (!bus.isConnected()) return;
      const { consumers } = await bus.manager();
      const info = await consumers.info(stream, durable);
      result.observe(pending, info.num_pending, { stream, consumer: durable });
      result.observe(unacked, info.num_ack_pending, { stream, consumer: durable });
    },
  });
}
