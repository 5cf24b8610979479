// A service that only consumes: handles the events in transactions with its inbox. Run by bus.ts as a process of its own.
import { connectBus, createConsumer, on } from "@gradients/bus";
import { AttemptFinishedSchema } from "@gradients/contracts/event";
import { secondsOfCpu, serve } from "../child.ts";
import { noteArrivals } from "./bare-chain.ts";
import { consumeBare, now, type Stamp } from "./bare-nats.ts";
import { logger, openDatabase, type Tables } from "./tables.ts";

const [databaseUrl = "", schema = "", natsUrl = ""] = process.argv.slice(2);
const db = openDatabase(databaseUrl, schema, 12);
const bus = await connectBus({ servers: [natsUrl], name: "consumer", maxBytes: { EVENTS: 2 ** 30 } }, logger);
let stamps: Stamp[] = [];
let wanted = Number.POSITIVE_INFINITY;
let writesEffect = false;
let reached = Promise.withResolvers<void>();

const handler = on<typeof AttemptFinishedSchema, Tables>(
  AttemptFinishedSchema,
  async ({ attemptId }, { tx, eventId }) => {
    if (writesEffect) await tx.insertInto("effect").values({ attempt_id: attemptId }).execute();
    stamps.push({ id: eventId, at: now() });
    if (stamps.length === wanted) reached.resolve();
  },
);
const stopping = new AbortController();
void createConsumer({ service: "consumer", db, bus, logger, handlers: [handler] }).run?.(stopping.signal);

serve({
  cpu: secondsOfCpu,
  /** Forgets what came so far. */
  expect: async (count: number, withEffect: boolean) => {
    stamps = [];
    wanted = count;
    writesEffect = withEffect;
    reached = Promise.withResolvers();
  },
  /** When the last of the expected ones was handled, by the machine's clock. */
  handled: async () => {
    await reached.promise;
    return stamps.at(-1)?.at ?? 0;
  },
  stamps: async () => stamps,
  noteArrivals: (count: number) => noteArrivals(db, bus.connection, count),
  consumeBare: (count: number) => consumeBare(bus.connection, count),
  consumeBareUntil: async (count: number) => (await consumeBare(bus.connection, count)).at(-1)?.at ?? 0,
});
