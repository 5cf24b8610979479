import { Rng } from "@gradients/kernel";
import { testNats } from "@gradients/testkit";
import { connect, headers } from "nats";
import { expect, test } from "vitest";
import { echoEvents } from "./event-echo.ts";

test("each event comes one to three times more, without its id, also one of the last moment", async () => {
  const nats = await testNats();
  const connection = await connect({ servers: nats.url });
  const seen: string[] = [];
  const ids: string[] = [];
  connection.subscribe("event.echo.>", {
    callback: (_error, { subject, headers: found }) => {
      seen.push(subject);
      ids.push(found?.get("Nats-Msg-Id") ?? "");
    },
  });
  const over = new AbortController();
  const echoing = echoEvents(nats.url, new Rng("echo"), over.signal, 500);
  let sent = 0;
  const sending = setInterval(() => {
    const withId = headers();
    withId.set("Nats-Msg-Id", String(sent));
    connection.publish(`event.echo.${sent++}`, "", { headers: withId });
  }, 20);
  setTimeout(() => over.abort(), 1_000);
  await echoing;
  clearInterval(sending);
  await connection.drain();
  await nats.stop();
  const counts = Array.from(
    { length: sent },
    (_, index) => seen.filter((one) => one === `event.echo.${index}`).length,
  );
  expect(ids.filter((id) => id !== "")).toHaveLength(sent);
  expect(Math.max(...counts)).toBeLessThanOrEqual(4);
  expect(counts.filter((count) => count >= 2).length).toBeGreaterThan(0);
});
