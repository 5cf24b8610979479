import { afterEach, beforeEach, expect, test } from "vitest";
import { KubeClient } from "./client.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { jobs, secrets } from "./resources.ts";
import { TestApiServer } from "./testing/index.ts";
import { KubeTransport } from "./transport.ts";

let server: TestApiServer;
let transport: KubeTransport;
let client: KubeClient;
let isAllowed: boolean;

beforeEach(async () => {
  server = new TestApiServer();
  await server.up();
  transport = new KubeTransport(server.connection("n"), { userAgent: "test" });
  isAllowed = true;
  client = new KubeClient(transport, "n", new RateLimiter({ perSecond: 1_000, burst: 1_000 }), () => {
    if (!isAllowed) throw new Error("fenced");
  });
});

afterEach(async () => {
  await transport.close();
  await server[Symbol.asyncDispose]();
});

const secret = { metadata: { name: "s" }, data: {} };

test("refusals are told apart", async () => {
  await client.create(secrets, secret);
  await expect(client.create(secrets, secret)).rejects.toMatchObject({ kind: "already_exists", status: 409 });
  await expect(client.get(jobs, "none")).rejects.toMatchObject({ kind: "not_found" });
  const stale = { metadata: { resourceVersion: "1" } };
  await expect(client.patch(secrets, "s", stale)).rejects.toMatchObject({ kind: "conflict" });
  await expect(client.delete(secrets, "s", { uid: "another" })).rejects.toMatchObject({ kind: "conflict" });
  server.faults.add({ how: "refuse", status: 403, reason: "Forbidden", message: "exceeded quota: q" });
  await expect(client.get(secrets, "s")).rejects.toMatchObject({
    kind: "forbidden",
    message: /exceeded quota/,
  });
  server.faults.add({ how: "lose", method: "GET" });
  await expect(client.get(secrets, "s")).rejects.toMatchObject({ kind: "unreachable" });
});

test("what is gone already counts as deleted", async () => {
  await client.create(secrets, secret);
  await client.delete(secrets, "s");
  await client.delete(secrets, "s");
});

test("a call without an answer ends in time, and with its signal", async () => {
  server.faults.add({ how: "hang", times: 2 });
  const request = { method: "GET", path: "/api/v1/namespaces/n/secrets" } as const;
  await expect(transport.call({ ...request, timeoutMs: 100 })).rejects.toMatchObject({ kind: "timeout" });
  const stop = new AbortController();
  const cut = transport.call({ ...request, signal: stop.signal });
  stop.abort(new Error("stopped"));
  await expect(cut).rejects.toThrow("stopped");
});

test("a 429 holds back the calls that follow for as long as the server asks", async () => {
  server.faults.add({ how: "refuse", status: 429, reason: "TooManyRequests", retryAfterSeconds: 0.3 });
  await expect(client.get(secrets, "s")).rejects.toMatchObject({
    kind: "too_many_requests",
    retryAfterMs: 300,
  });
  const askedAt = Date.now();
  await client.create(secrets, secret);
  expect(Date.now() - askedAt).toBeGreaterThanOrEqual(250);
});

test("a closed gate lets reads through and no write", async () => {
  await client.create(secrets, secret);
  isAllowed = false;
  await client.get(secrets, "s");
  await expect(client.create(secrets, { metadata: { name: "t" } })).rejects.toThrow("fenced");
  await expect(client.delete(secrets, "s")).rejects.toThrow("fenced");
  expect(server.countCalls(/^(POST|DELETE)/)).toBe(1);
});
