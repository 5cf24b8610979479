// A service that only publishes: appends events to its outbox and relays them. Run by bus.ts as a process of its own.
import { appendOutbox, connectBus, createOutboxRelay } from "@gradients/bus";
import { secondsOfCpu, serve } from "../child.ts";
import { type Committed, commitAndPublish } from "./bare-chain.ts";
import { makeBareStream, now, paced, publishBare, publishBarePaced } from "./bare-nats.ts";
import { writeBare } from "./bare-postgres.ts";
import { logger, openDatabase, sampleEvent } from "./tables.ts";

const [databaseUrl = "", schema = "", natsUrl = ""] = process.argv.slice(2);
const db = openDatabase(databaseUrl, schema, 8);
const bus = await connectBus(
  { servers: [natsUrl], name: "publisher", maxBytes: { EVENTS: 2 ** 30 } },
  logger,
);
let stopRelay = async () => {};

serve({
  cpu: secondsOfCpu,
  /** In transactions of `size` events. */
  append: async (count: number, size: number) => {
    for (let appended = 0; appended < count; appended += size)
      await db.tx((tx) =>
        appendOutbox(tx, Array.from({ length: Math.min(size, count - appended) }, sampleEvent)),
      );
  },
  /** One event a transaction; tells when each commit was known here. */
  appendPaced: async (rate: number, seconds: number) => {
    const committed: Committed[] = [];
    await paced(rate, seconds, async () => {
      const event = sampleEvent();
      const startedAt = now();
      await db.tx((tx) => appendOutbox(tx, event));
      const at = now();
      committed.push({ id: event.eventId, at, took: at - startedAt });
    });
    return committed;
  },
  relay: async () => {
    const stopping = new AbortController();
    const running = createOutboxRelay({ db, bus, logger, service: "publisher" }).run?.(stopping.signal);
    stopRelay = async () => {
      stopping.abort();
      await running;
    };
    return now();
  },
  stopRelay: () => stopRelay(),
  makeBareStream: () => makeBareStream(bus.connection),
  publishBare: async (count: number) => {
    const startedAt = now();
    await publishBare(bus.connection, count);
    return startedAt;
  },
  publishBarePaced: (rate: number, seconds: number) => publishBarePaced(bus.connection, rate, seconds),
  commitAndPublish: (rate: number, seconds: number) => commitAndPublish(db, bus.connection, rate, seconds),
  writeBare: async (count: number) => {
    const startedAt = now();
    await writeBare(db, count);
    return now() - startedAt;
  },
});
