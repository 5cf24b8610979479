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
import { arrayText } from "./array-text.ts";
import type { Bus } from "./connect-bus.ts";
import { toMsgHeaders } from "./headers.ts";
import { createMarks, type Marks } from "./marks.ts";
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
/** Events that are sent and not yet marked. */
const MAX_UNDER_WAY = 3 * BATCH;
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
  const listening = deps.db.listen(outboxChannel, deps.wake.ring, signal);
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
  const work: Work = { ...deps, publisher, marks: createMarks((ids) => markPublished(deps.db, ids)) };
  try {
    while (!held.aborted) {
      await housekeeping.ifDue();
      await relayUntil(work, () => held.aborted || housekeeping.isDue(), held);
    }
    if (stop.aborted) await relayUntil(work, () => true, held);
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
  const isDue = () => performance.now() >= dueAt;
  const ifDue = async () => {
    if (!isDue()) return;
    dueAt = performance.now() + HOUSEKEEPING_MS;
    await republishIfStreamIsNew({ db, bus, logger });
    await pruneBusTables(db);
  };
  return { isDue, ifDue, end };
}

/**
 * Batch after batch as they come, until `isOver`, which is asked after each. The next one is read and sent while those before it are acked and marked. Throws
 * the first failure. All that was begun is over then: whoever asks whether the stream is still the same finds every row marked that was published to it.
 */
async function relayUntil(work: Work, isOver: () => boolean, signal: AbortSignal): Promise<void> {
  const underWay: Batch[] = [];
  try {
    do {
      const onTheirWay = underWay.flatMap(({ ids }) => ids);
      const rows = await loadUnpublished(work.db, onTheirWay);
      if (rows.length > 0) underWay.push(relayBatch(work, rows));
      if (rows.length < BATCH && !isOver()) await work.wake.wait(POLL_MS, signal);
      while (underWay[0]?.isOver() || countOf(underWay) >= MAX_UNDER_WAY) await underWay.shift()?.done;
    } while (!isOver());
    for (const { done } of underWay) await done;
  } finally {
    await Promise.allSettled(underWay.map(({ done }) => done));
  }
}

function countOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { ids }) => sum + ids.length, 0);
}

interface Batch {
  readonly ids: readonly bigint[];
  readonly done: Promise<void>;
  readonly isOver: () => boolean;
}

/** Sends them at once, in their order. */
function relayBatch(work: Work, rows: readonly OutboxRow[]): Batch {
  failpoint("bus.outbox-claimed");
  const sent = rows.map((row) => publish(work.publisher, row));
  let isOver = false;
  const done = markWhenAcked(work, rows, sent).finally(() => {
    isOver = true;
  });
  done.catch(() => work.wake.ring()); // it is thrown where the batch is waited for
  return { ids: rows.map(({ id }) => id), done, isOver: () => isOver };
}

/** Published ones are marked even when others fail, and then the first failure is thrown. */
async function markWhenAcked(
  { marks, service }: Work,
  rows: readonly OutboxRow[],
  sent: readonly Promise<void>[],
): Promise<void> {
  const outcomes = await Promise.allSettled(sent);
  const published = rows.filter((_, index) => outcomes[index]?.status === "fulfilled");
  await marks.add(published.map(({ id }) => id));
  countPublished(service, published);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure) throw failure.reason;
}

/**
 * The lowest ids but for those on their way. All of them are looked at anew each time, since a lower id may become visible after a higher one. No lock: the
 * relay is alone. Index outbox_unpublished.
 */
async function loadUnpublished(
  db: Database<BusTables>,
  onTheirWay: readonly bigint[],
): Promise<readonly OutboxRow[]> {
  const { rows } = await sql<OutboxRow>`
    select id, type, subject, headers, payload from outbox
    where published_at is null and id <> all(${arrayText(onTheirWay)}::bigint[]) order by id limit ${BATCH}`.execute(
    db.q,
  );
  return rows;
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

/** By primary key. A mark that a crash of the server loses has its event published once more, which costs less than waiting for the disk each time. */
async function markPublished(db: Database<BusTables>, ids: readonly bigint[]): Promise<void> {
  await sql`
    update outbox set published_at = now() from (select set_config('synchronous_commit', 'off', true)) as without_waiting
    where id = any(${arrayText(ids)}::bigint[])`.execute(db.q);
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

/** What a leader works with. */
interface Work extends Deps {
  readonly publisher: Publisher;
  readonly marks: Marks;
}
