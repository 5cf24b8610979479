import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { JobCancelledSchema } from "@gradients/contracts/event";
import { createTestDatabase, testNats } from "@gradients/testkit";
import { expect, test } from "vitest";
import { listDeadLetters } from "./dead-letters.ts";
import { on, PermanentError } from "./handlers.ts";
import { openWorld, recordEffect, type Tables, template } from "./testing/bus-world.ts";
import { eventually } from "./testing/eventually.ts";

const program = new URL("./testing/dead-letters-program.ts", import.meta.url).pathname;

test("dead-letters list shows what was put aside, dead-letters replay sends it again", async () => {
  await using world = await openWorld({ database: createTestDatabase(template), nats: testNats() });
  const env = { SAMPLE_DATABASE_URL: world.databaseUrl, SAMPLE_NATS: world.natsUrl };
  const refusing = on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, () =>
    Promise.reject(new PermanentError("unknown job")),
  );
  world.run(world.relay());
  const stop = world.run(world.consumer("scorer", [refusing]));
  await world.append("job-1", "job-2");
  await eventually(() => listDeadLetters(world.db)).toHaveLength(2);
  await stop();

  const listed = await run(env, "list");
  const letters = listed.output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(letters).toHaveLength(2);
  expect(letters[0]).toMatchObject({
    consumer: "scorer",
    type: "gradients.event.v1.JobCancelled",
    message: { jobId: expect.stringMatching(/^job-/) as string },
    error: "PermanentError: unknown job",
  });

  world.run(world.consumer("scorer", [recordEffect("scorer")]));
  expect(await run(env, "replay", String(letters[0]?.["id"]))).toEqual({
    code: 0,
    output: `${String(letters[0]?.["id"])} sent again\n`,
  });
  await eventually(() => world.effects("scorer")).toHaveLength(1);
  expect(await run(env, "replay", "--all")).toMatchObject({ code: 0 });
  await eventually(() => world.effects("scorer")).toHaveLength(2);
  expect(await run(env, "list")).toEqual({ code: 0, output: "" });
  expect(await run(env, "bury")).toMatchObject({ code: 64 });
}, 60_000);

async function run(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [program, "dead-letters", ...args], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { code: code as number, output };
}
