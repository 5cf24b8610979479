import type { Database, Tx } from "@gradients/db";
import { injectTrace } from "@gradients/runtime";
import { sql } from "kysely";
import type { OutboxEvent } from "./event.ts";
import { type BusTables, busTablesOf, type Headers } from "./tables.ts";

/** Stores events with the transaction and wakes the relay at its commit. Order is kept for events of one aggregate whose row the transaction has locked. */
export async function appendOutbox<T extends BusTables>(
  tx: Tx<T>,
  events: OutboxEvent | readonly OutboxEvent[],
): Promise<void> {
  const list: readonly OutboxEvent[] = "eventId" in events ? [events] : events;
  if (list.length === 0) return;
  const busTx = tx as unknown as Tx<BusTables>; // a narrowing that Kysely's invariant types hide
  const rows = list.map((item) => toRow(item, tx.now));
  await sql`
    insert into outbox (event_id, type, subject, headers, payload)
    select event_id, type, subject, headers, payload
    from unnest(${rows.map((row) => row.eventId)}::uuid[], ${rows.map((row) => row.type)}::text[], ${rows.map((row) => row.subject)}::text[],
        ${rows.map((row) => row.headers)}::jsonb[], ${rows.map((row) => row.payload)}::bytea[])
      with ordinality as event (event_id, type, subject, headers, payload, position)
    order by position`.execute(busTx);
  tx.notifyAfterCommit(outboxChannel);
}

/** The channel that appendOutbox notifies. */
export const outboxChannel = "outbox";

/** Has the relay publish again whatever was published since then, for a broker that lost it. Consumers' inboxes drop what they have seen. Returns the number of events. */
export async function republishSince<T extends BusTables>(db: Database<T>, since: Date): Promise<number> {
  const { numUpdatedRows } = await busTablesOf(db)
    .q.updateTable("outbox")
    .set({ published_at: null })
    .where("published_at", ">=", since)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

function toRow({ eventId, type, subject, source, aggregateId, payload }: OutboxEvent, now: Date) {
  const headers: Record<string, string> = {
    "Nats-Msg-Id": eventId,
    "ce-specversion": "1.0",
    "ce-id": eventId,
    "ce-type": type,
    "ce-source": source,
    "ce-subject": aggregateId,
    "ce-time": now.toISOString(),
  };
  injectTrace(headers);
  return { eventId, type, subject, headers: JSON.stringify(headers satisfies Headers), payload };
}
