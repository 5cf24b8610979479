import type { Database } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { jetstream } from "@nats-io/jetstream";
import { sql } from "kysely";
import type { NatsConnection } from "nats";
import { BARE_STREAM, BARE_SUBJECT, eventHeaders, now, paced, type Stamp } from "./bare-nats.ts";
import { sampleEvent, type Tables } from "./tables.ts";

/** When a row was known to be committed, and how many microseconds that took. */
export interface Committed extends Stamp {
  readonly took: number;
}

/** Each row is a statement of its own, and published where its commit became known. */
export async function commitAndPublish(
  db: Database<Tables>,
  connection: NatsConnection,
  rate: number,
  seconds: number,
): Promise<readonly Committed[]> {
  const client = jetstream(connection);
  const { payload } = sampleEvent();
  const committed: Committed[] = [];
  await paced(rate, seconds, async () => {
    const id = newId();
    const startedAt = now();
    await insertRow(db, id);
    const at = now();
    committed.push({ id, at, took: at - startedAt });
    await client.publish(BARE_SUBJECT, payload, { headers: eventHeaders(id) });
  });
  return committed;
}

/** Resolves with the moments at which `count` messages were noted, each in a transaction of its own that had yet to commit. */
export async function noteArrivals(
  db: Database<Tables>,
  connection: NatsConnection,
  count: number,
): Promise<readonly Stamp[]> {
  const consumer = await jetstream(connection).consumers.get(BARE_STREAM, "bare");
  const messages = await consumer.consume({ max_messages: 500 });
  const stamps: Stamp[] = [];
  const noting: Promise<void>[] = [];
  for await (const message of messages) {
    const id = message.headers?.get("ce-id") ?? "";
    const noted = db.tx(async (tx) => {
      await sql`insert into inbox (consumer, event_id) values ('bare', ${id}) on conflict do nothing`.execute(
        tx,
      );
      stamps.push({ id, at: now() });
    });
    noting.push(noted.then(() => message.ack()));
    if (noting.length === count) break;
  }
  await Promise.all(noting);
  await messages.close();
  return stamps;
}

/** As if it were published, so that no relay takes it. */
async function insertRow(db: Database<Tables>, id: string): Promise<void> {
  const { payload, type, subject } = sampleEvent();
  const headers = JSON.stringify({ "ce-id": id, "ce-type": type, "ce-time": new Date().toISOString() });
  await sql`
    insert into outbox (event_id, type, subject, headers, payload, published_at)
    values (${id}, ${type}, ${subject}, ${headers}, ${payload}, now())`.execute(db.q);
}
