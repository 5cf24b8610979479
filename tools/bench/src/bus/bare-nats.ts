import { setTimeout as sleep } from "node:timers/promises";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers as createHeaders, type NatsConnection } from "nats";
import { sampleEvent } from "./tables.ts";

export const BARE_STREAM = "BENCH";
export const BARE_SUBJECT = "bench.event";
/** Publishes on their way at a time: what its documents recommend. */
const WINDOW = 500;

export interface Stamp {
  readonly id: string;
  /** Microseconds of the machine's monotonic clock. */
  readonly at: number;
}

export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** An empty stream like that of the events. */
export async function makeBareStream(connection: NatsConnection): Promise<void> {
  const { streams, consumers } = await jetstreamManager(connection);
  await streams.delete(BARE_STREAM).catch(() => {});
  await streams.add({ name: BARE_STREAM, subjects: [BARE_SUBJECT] });
  await consumers.add(BARE_STREAM, {
    durable_name: "bare",
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: 1_000,
  });
}

export async function publishBare(connection: NatsConnection, count: number): Promise<void> {
  const client = jetstream(connection);
  const { payload } = sampleEvent();
  for (let sent = 0; sent < count; sent += WINDOW) {
    const size = Math.min(WINDOW, count - sent);
    await Promise.all(
      Array.from({ length: size }, (_, index) =>
        client.publish(BARE_SUBJECT, payload, { headers: eventHeaders(`${sent + index}`) }),
      ),
    );
  }
}

/** One publish at a time at the wanted rate; tells when each was acknowledged. */
export async function publishBarePaced(
  connection: NatsConnection,
  rate: number,
  seconds: number,
): Promise<readonly Stamp[]> {
  const client = jetstream(connection);
  const { payload } = sampleEvent();
  const stamps: Stamp[] = [];
  await paced(rate, seconds, async (index) => {
    const id = `paced-${index}`;
    const at = now();
    await client.publish(BARE_SUBJECT, payload, { headers: eventHeaders(id) });
    stamps.push({ id, at });
  });
  return stamps;
}

/** Resolves with the arrivals when `count` messages have come and were acknowledged. */
export async function consumeBare(connection: NatsConnection, count: number): Promise<readonly Stamp[]> {
  const consumer = await jetstream(connection).consumers.get(BARE_STREAM, "bare");
  const messages = await consumer.consume({ max_messages: 500 });
  const stamps: Stamp[] = [];
  for await (const message of messages) {
    stamps.push({ id: message.headers?.get("ce-id") ?? "", at: now() });
    message.ack();
    if (stamps.length === count) break;
  }
  await messages.close();
  return stamps;
}

/** Calls of `fn` at a time at most when the machine does not keep up: then the rate is what it manages. */
const MOST_AT_ONCE = 8;

/** Calls `fn` at even distances. */
export async function paced(
  rate: number,
  seconds: number,
  fn: (index: number) => Promise<void>,
): Promise<void> {
  const startedAt = performance.now();
  let next = 0;
  const one = async () => {
    while (next < rate * seconds) {
      const index = next;
      const wait = startedAt + (index / rate) * 1000 - performance.now();
      if (wait > 0) await sleep(wait);
      else {
        next += 1;
        await fn(index);
      }
    }
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, one));
}

export function eventHeaders(id: string) {
  const headers = createHeaders();
  headers.set("Nats-Msg-Id", id);
  headers.set("ce-id", id);
  headers.set("ce-type", "gradients.event.v1.AttemptFinished");
  return headers;
}
