import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "@gradients/kernel";
import { connect, type Msg } from "nats";

const ECHO = "x-echo";
const LATEST_MS = 8_000;
const MAX_COPIES = 3;

/** Publishes every event one to three times more, each copy some seconds later and so behind others: late, doubled, out of order. */
export async function echoEvents(
  natsUrl: string,
  rng: Rng,
  signal: AbortSignal,
  latestMs = LATEST_MS,
): Promise<void> {
  const connection = await connect({ servers: natsUrl });
  const copies: Promise<void>[] = [];
  const repeat = async (message: Msg, delayMs: number) => {
    await sleep(delayMs);
    message.headers?.delete("Nats-Msg-Id"); // or the stream would drop it
    message.headers?.set(ECHO, "1");
    connection.publish(message.subject, message.data, message.headers ? { headers: message.headers } : {});
  };
  const subscription = connection.subscribe("event.>", {
    callback: (error, message) => {
      if (error || message.headers?.has(ECHO)) return;
      const count = 1 + rng.int(MAX_COPIES);
      for (let copy = 0; copy < count; copy += 1) copies.push(repeat(message, rng.float() * latestMs));
    },
  });
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  subscription.unsubscribe(); // from here on there are no more copies
  await Promise.all(copies);
  await connection.close();
}
