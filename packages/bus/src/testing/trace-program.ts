// Run by trace.int.test.ts as a process of its own with telemetry on: prints the trace context where an event is appended and where it is handled.
import { JobCancelledSchema } from "@gradients/contracts/event";
import { currentTraceparent, inSpan } from "@gradients/runtime";
import { on } from "../handlers.ts";
import { createWorld, type Tables } from "./bus-world.ts";

const [databaseUrl = "", natsUrl = ""] = process.argv.slice(2);
const world = await createWorld(databaseUrl, natsUrl);
const handled = Promise.withResolvers<string | undefined>();
const note = on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, async () =>
  handled.resolve(currentTraceparent()),
);
world.run(world.relay());
world.run(world.consumer("scorer", [note]));
const appended = await inSpan({ scope: "test", name: "CancelJob" }, async () => {
  await world.append("job-1");
  return currentTraceparent();
});
process.stdout.write(JSON.stringify({ appended, handled: await handled.promise }));
await world[Symbol.asyncDispose]();
