// Run by outage.int.test.ts as a process of its own, to be killed: relays the outbox until then.
import { connectBus } from "../connect-bus.ts";
import { createOutboxRelay } from "../outbox-relay.ts";
import { logger, openDatabase } from "./bus-world.ts";

const [databaseUrl = "", natsUrl = ""] = process.argv.slice(2);
const db = openDatabase(databaseUrl, 2);
const bus = await connectBus({ servers: [natsUrl], name: "relay" }, logger);
process.stdout.write("relaying\n");
await createOutboxRelay({ db, bus, logger, service: "relay" }).run?.(new AbortController().signal);
