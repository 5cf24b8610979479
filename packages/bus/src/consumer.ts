import { eventByType } from "@gradients/contracts/catalogue";
import type { Database } from "@gradients/db";
import type { Logger, Part } from "@gradients/runtime";
import type { JsMsg } from "@nats-io/jetstream";
import { createBatchSize } from "./batch-size.ts";
import type { Bus } from "./connect-bus.ts";
import { consume } from "./consume.ts";
import { createDelivery } from "./delivery.ts";
import type { EventHandlers } from "./handlers.ts";
import { createBatchLanes } from "./lanes.ts";
import { type BusTables, busTablesOf } from "./tables.ts";

export interface ConsumerOptions<T extends BusTables> {
  /** Name of the durable consumer. Replicas share it, and its events. */
  readonly service: string;
  readonly db: Database<T>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly handlers: EventHandlers<T>;
  /** Transactions at a time. 8 if absent; each takes a connection of the pool. Under load several events share one. */
  readonly concurrency?: number;
  /** Deliveries before an event becomes a dead letter. 8 if absent. */
  readonly maxDeliveries?: number;
}

/**
 * Handles the events of the catalogue that have a handler. Each runs in one transaction with its inbox row, so its effect happens once however often it is
 * delivered; those that came while others were handled share a transaction, as many as take a moment. Events about one aggregate are handled in order within a process; one that fails comes again later and does not hold up the others.
 */
export function createConsumer<T extends BusTables>(options: ConsumerOptions<T>): Part {
  return { name: "event consumer", stopTimeoutMs: 15_000, run: (signal) => runConsumer(options, signal) };
}

async function runConsumer<T extends BusTables>(
  options: ConsumerOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  const { service, bus, handlers, concurrency = 8, maxDeliveries = 8 } = options;
  const logger = options.logger.child({ part: "event consumer" });
  const batchSize = createBatchSize();
  const delivery = createDelivery({
    ...options,
    busDb: busTablesOf(options.db),
    logger,
    consumer: service,
    maxDeliveries,
    signal,
    batchSize,
  });
  const lanes = createBatchLanes<JsMsg>({
    limit: concurrency,
    maxSize: batchSize.current,
    leastSize: batchSize.least,
    run: delivery.process,
  });
  const settle = (message: JsMsg) =>
    lanes.add(message.headers?.get("ce-subject") || message.subject, message);
  const subjects = handlers.map(({ schema }) => subjectOf(schema.typeName));
  // Far above our own limit: the server drops only what keeps killing the process before it can be put aside.
  const maxDeliver = maxDeliveries * 8;
  await consume(
    {
      bus,
      logger,
      stream: "EVENTS",
      durable: service,
      subjects,
      maxAckPending: concurrency * 64,
      maxDeliver,
      settle,
    },
    signal,
  );
}

function subjectOf(typeName: string): string {
  const entry = eventByType(typeName);
  if (!entry) throw new Error(`${typeName} is not in the event catalogue`);
  return entry.subject;
}
