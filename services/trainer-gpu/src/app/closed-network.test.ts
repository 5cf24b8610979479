import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { untilClosed } from "./closed-network.ts";

const times = { holdMs: 300, outageMs: 1_500 };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(port = 0): Promise<{ readonly host: string; readonly port: number }> {
  const server = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

async function close(target: { readonly port: number }): Promise<void> {
  const server = servers.find((one) => (one.address() as AddressInfo | null)?.port === target.port);
  server?.close();
  if (server) await once(server, "close");
}

function watch(closed: Promise<void>) {
  const beganAt = performance.now();
  const found = { milliseconds: undefined as number | undefined };
  const done = closed.then(() => void (found.milliseconds = performance.now() - beganAt));
  return { found, done };
}

test("a network is closed once neither API server nor resolver has been in reach for a while", async () => {
  const [api, resolver] = [await listen(), await listen()];
  const { found, done } = watch(untilClosed(api, [resolver], times));
  await sleep(500);
  expect(found.milliseconds).toBeUndefined();
  await Promise.all([close(api), close(resolver)]);
  await done;
  expect(found.milliseconds).toBeGreaterThanOrEqual(500 + times.holdMs - 1);
  expect(found.milliseconds).toBeLessThan(times.outageMs);
});

test("an API server that is away while it starts anew closes nothing", async () => {
  const [api, resolver] = [await listen(), await listen()];
  const { found, done } = watch(untilClosed(api, [resolver], times));
  await close(api);
  await sleep(1_000);
  await listen(api.port);
  await sleep(1_000);
  expect(found.milliseconds).toBeUndefined();
  await Promise.all([close(api), close(resolver)]);
  await done;
});

test("without a resolver, an API server that refuses for a moment closes nothing", async () => {
  const api = await listen();
  const { found, done } = watch(untilClosed(api, [], { ...times, holdMs: 1_000 }));
  await close(api);
  await sleep(500);
  await listen(api.port);
  await sleep(1_000);
  expect(found.milliseconds).toBeUndefined();
  await close(api);
  await done;
});

test("a resolver that policies leave open holds nobody up for ever", async () => {
  const [api, resolver] = [await listen(), await listen()];
  await close(api);
  const { found, done } = watch(untilClosed(api, [resolver], times));
  await done;
  expect(found.milliseconds).toBeGreaterThanOrEqual(times.outageMs - 1);
});
