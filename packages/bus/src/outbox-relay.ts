import { type Database, withAdvisoryLock } from "@gradients/db";
import { failpoint } from "@gradients/kernel";
import {
  createWake,
  inSpan,
  inTraceOf,
  type Logger,
  type Part,
  type Wake,
  withBackoff,
} from "@gradients/runtime";
import { SpanKind } from "@opentelemetry/api";
import { sql } from "kysely";
import type { Bus } from "./connect-bus.ts";
import { toMsgHeaders } from "./headers.ts";
import { messagingAttributes } from "./messaging-attributes.ts";
import { countPublished, observeOutbox } from "./observe.ts";
import { outboxChannel } from "./outbox.ts";
import { pruneBusTables } from "./prune.ts";
import { createPublisher, type Publisher } from "./publisher.ts";
import { republishIfStreamIsNew } from "./stream-identity.ts";
import { type BusTables, busTablesOf, type Headers } from "./tables.ts";

export interface OutboxRelayOptions<T extends BusTables> {
  readonly db: Database<T>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly service: string;
}

const BATCH = 500;
const POLL_MS = 1_000;
const HOUSEKEEPING_MS = 30_000;
const PUBLISH_TIMEOUT_MS = 5_000;

/**
 * Publishes the outbox in the order of its ids. One replica of a service does so at a time, held by an advisory lock on a connection of its own; two at once
 * (a lock just lost) only cost duplicates, which the stream and the inbox drop. Rows stay for replay until they are pruned. At stop it makes a last pass.
 */
export function createOutboxRelay<T extends BusTables>({
  db,
  bus,
  logger,
  service,
}: OutboxRelayOptions<T>): Part {
  const deps: Deps = {
    db: busTablesOf(db),
    bus,
    logger: logger.child({ part: "outbox relay" }),
    service,
    wake: createWake(),
  };
  return { name: "outbox relay", stopTimeoutMs: 10_000, run: (signal) => runRelay(deps, signal) };
}

async function runRelay(deps: Deps, signal: AbortSignal): Promise<void> {
  const endGauges = observeOutbox(deps);
  const listening = deps.db.listen(outboxChannel(deps.db.schema), deps.wake.ring, signal);
  await Promise.all([listening, leadAgainAndAgain(deps, signal)]).finally(endGauges);
}

async function leadAgainAndAgain(deps: Deps, signal: AbortSignal): Promise<void> {
  const retry = { what: "relay the outbox", logger: deps.logger, signal, maxMs: 2_000, resetAfterMs: 10_000 };
  try {
    await withBackoff(retry, () =>
      withAdvisoryLock(deps.db, "outbox-relay", signal, (held) => lead(deps, held, signal)),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Relays while the lock is held. Throws when a publish fails; the caller starts over. */
async function lead(deps: Deps, held: AbortSignal, stop: AbortSignal): Promise<void> {
  const housekeeping = createHousekeeping(deps);
  const publisher = createPublisher(deps.bus, PUBLISH_TIMEOUT_MS);
  try {
    while (!held.aborted) {
      await housekeeping.ifDue();
      if ((await relayBatch(deps, publisher)) < BATCH) await deps.wake.wait(POLL_MS, held);
    }
    if (stop.aborted) await relayBatch(deps, publisher);
  } finally {
    publisher.close();
    housekeeping.end();
  }
}

/** Due at first, after each reconnect, and every half minute. */
function createHousekeeping({ db, bus, logger, wake }: Deps) {
  let dueAt = 0;
  const end = bus.onReconnect(() => {
    dueAt = 0;
    wake.ring();
  });
  const ifDue = async () => {
    if (performance.now() < dueAt) return;
    dueAt = performance.now() + HOUSEKEEPING_MS;
    await republishIfStreamIsNew({ db, bus, logger });
    await pruneBusTables(db);
  };
  return { ifDue, end };
}

/** Number of rows found. Published ones are marked even when others fail, and then the first failure is thrown. */
async function relayBatch({ db, service }: Deps, publisher: Publisher): Promise<number> {
  const rows = await loadUnpublished(db);
  if (rows.length > 0) failpoint("bus.outbox-claimed");
  const outcomes = await Promise.allSettled(rows.map((row) => publish(publisher, row)));
  const published = rows.filter((_, index) => outcomes[index]?.status === "fulfilled");
  await markPublished(db, published);
  countPublished(service, published);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure) throw failure.reason;
  return rows.length;
}

/** No lock: the relay is alone. Index outbox_unpublished. */
function loadUnpublished(db: Database<BusTables>): Promise<OutboxRow[]> {
  return db.q
    .selectFrom("outbox")
    .select(["id", "type", "subject", "headers", "payload"])
    .where("published_at", "is", null)
    .orderBy("id")
    .limit(BATCH)
    .execute();
}

/** In the trace in which the event was appended; an event of no trace begins none. */
function publish(publisher: Publisher, row: OutboxRow): Promise<void> {
  const { traceparent } = row.headers;
  if (traceparent === undefined) return send(publisher, row);
  const attributes = messagingAttributes("send", row.subject, row.headers);
  const span = { scope: "@gradients/bus", name: `send ${row.subject}`, kind: SpanKind.PRODUCER, attributes };
  return inTraceOf(traceparent, () => inSpan(span, () => send(publisher, row)));
}

async function send(publisher: Publisher, { subject, payload, headers }: OutboxRow): Promise<void> {
  failpoint("bus.before-publish");
  await publisher.publish({ subject, payload, headers: toMsgHeaders(headers) });
  failpoint("bus.published");
}

/** By primary key. */
async function markPublished(db: Database<BusTables>, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id.toString());
  await sql`update outbox set published_at = now() where id = any(${ids}::bigint[])`.execute(db.q);
  failpoint("bus.outbox-marked");
}

interface OutboxRow {
  readonly id: bigint;
  readonly type: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
}

interface Deps {
  readonly db: Database<BusTables>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly service: string;
  readonly wake: Wake;
}
