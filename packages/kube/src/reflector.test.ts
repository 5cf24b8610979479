import { createLogger } from "@gradients/runtime";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RateLimiter } from "./rate-limiter.ts";
import { Reflector, type ReflectorTimes } from "./reflector.ts";
import { type Pod, pathOf, pods } from "./resources.ts";
import { TestApiServer } from "./testing/index.ts";
import { KubeTransport } from "./transport.ts";

interface SlimPod {
  readonly name: string;
  readonly version: string;
  readonly phase: string;
}

const logger = createLogger({ service: "test", level: "silent" });
const collection = "/api/v1/namespaces/n/pods";

let server: TestApiServer;
let stop: AbortController;
let changes: string[];
let running: Promise<void>;
let transport: KubeTransport;

beforeEach(async () => {
  server = new TestApiServer();
  await server.up();
  stop = new AbortController();
  changes = [];
  running = Promise.resolve();
  transport = new KubeTransport(server.connection("n"), { userAgent: "test" });
});

afterEach(async () => {
  stop.abort();
  await running;
  await transport.close();
  await server[Symbol.asyncDispose]();
});

function reflect(times: Partial<ReflectorTimes> = {}): Reflector<Pod, SlimPod> {
  const reflector = new Reflector<Pod, SlimPod>({
    name: "pods",
    path: pathOf(pods, "n"),
    labelSelector: "app=trainer",
    slim: ({ metadata, status }) => ({
      name: metadata?.name ?? "",
      version: metadata?.resourceVersion ?? "",
      phase: status?.phase ?? "",
    }),
    onChange: ({ kind, object }) => changes.push(`${kind} ${object.name} ${object.phase}`),
    transport,
    limiter: new RateLimiter({ perSecond: 1_000, burst: 1_000 }),
    logger,
    times: { maxBackoffMs: 300, ...times },
  });
  running = reflector.run(stop.signal);
  return reflector;
}

function addPod(name: string, app = "trainer"): void {
  const metadata = { name, labels: { app }, uid: "", resourceVersion: "", creationTimestamp: "" };
  server.store.create(collection, { kind: "Pod", metadata, spec: {}, status: { phase: "Pending" } });
}

function setPhase(name: string, phase: string): void {
  const pod = server.store.get(`${collection}/${name}`);
  server.store.update(`${collection}/${name}`, { ...pod, status: { phase } }, "status");
}

function phases(reflector: Reflector<Pod, SlimPod>): Record<string, string> {
  return Object.fromEntries([...reflector.values()].map(({ name, phase }) => [name, phase]));
}

async function settlesAt(
  reflector: Reflector<Pod, SlimPod>,
  expected: Record<string, string>,
): Promise<void> {
  await vi.waitFor(() => expect(phases(reflector)).toEqual(expected), { timeout: 5_000, interval: 10 });
}

describe("Reflector", () => {
  test("lists in pages, then follows what happens, and sees nothing of others' objects", async () => {
    for (let n = 0; n < 1_203; n++) addPod(`p${n}`);
    addPod("stranger", "web");
    const reflector = reflect();
    await reflector.synced;
    expect([...reflector.values()]).toHaveLength(1_203);
    expect(server.countCalls(/^GET .*pods$/)).toBe(3);
    setPhase("p7", "Running");
    server.store.delete(`${collection}/p8`);
    addPod("late");
    await vi.waitFor(() =>
      expect(changes.slice(-3)).toEqual(["put p7 Running", "deleted p8 Pending", "put late Pending"]),
    );
  });

  test.each([
    ["ended in good order", () => server.watches.end()],
    ["cut off in the middle of an event", () => server.watches.truncate()],
    ["reset", () => server.watches.destroy()],
    ["refused in the stream", () => server.watches.fail(500, "InternalError")],
  ])("a watch that is %s goes on from its position without another list", async (_how, breakIt) => {
    addPod("a");
    const reflector = reflect();
    await vi.waitFor(() => expect(server.watches.count).toBe(1));
    breakIt();
    setPhase("a", "Running");
    addPod("b");
    await settlesAt(reflector, { a: "Running", b: "Pending" });
    expect(server.countCalls(/^GET/)).toBe(1);
    expect(changes).toEqual(["put a Pending", "put a Running", "put b Pending"]);
  });

  test.each([
    ["in the stream", () => server.watches.fail(410, "Expired")],
    ["as an answer", () => server.watches.end()],
  ])("a position that is gone (%s) leads to a new list that finds what was missed", async (_how, breakIt) => {
    addPod("a");
    addPod("b");
    server.bookmarkMs = undefined;
    const reflector = reflect();
    await vi.waitFor(() => expect(server.watches.count).toBe(1));
    server.watches.freeze();
    server.store.delete(`${collection}/b`);
    addPod("c");
    server.store.compact();
    breakIt();
    await settlesAt(reflector, { a: "Pending", c: "Pending" });
    expect(changes).toContain("deleted b Pending");
    expect(server.countCalls(/^GET/)).toBe(2);
  });

  test("a page that expires in the middle of a list begins it anew", async () => {
    for (let n = 0; n < 600; n++) addPod(`p${n}`);
    server.faults.add({ how: "refuse", method: "GET", status: 410, reason: "Expired" });
    const reflector = reflect();
    await reflector.synced;
    expect([...reflector.values()]).toHaveLength(600);
  });

  test("a half-open connection is given up after the silence that bookmarks would have broken", async () => {
    addPod("a");
    const reflector = reflect({ idleMs: 500 });
    await vi.waitFor(() => expect(server.watches.count).toBe(1));
    server.watches.freeze();
    setPhase("a", "Running");
    await settlesAt(reflector, { a: "Running" });
    expect(server.countCalls(/^GET/)).toBe(1);
  });

  test("a quiet watch with bookmarks is left alone and survives a compaction", async () => {
    addPod("a");
    const reflector = reflect({ idleMs: 500 });
    await reflector.synced;
    for (let n = 0; n < 5; n++) addPod(`other${n}`, "web");
    await new Promise((resolve) => setTimeout(resolve, 900));
    server.store.compact();
    server.watches.end();
    setPhase("a", "Running");
    await settlesAt(reflector, { a: "Running" });
    expect(server.countCalls(/^GET/)).toBe(1);
  });

  test("outlives an outage, whatever the server says when it is back", async () => {
    addPod("a");
    const reflector = reflect();
    await reflector.synced;
    await server.down();
    setPhase("a", "Running");
    await new Promise((resolve) => setTimeout(resolve, 600));
    server.faults.add({ how: "refuse", status: 503, times: 2 });
    server.faults.add({ how: "refuse", status: 429, retryAfterSeconds: 0.2 });
    server.faults.add({ how: "hang" });
    await server.up();
    setPhase("a", "Succeeded");
    await vi.waitFor(() => expect(server.faults.left).toBe(0), { timeout: 5_000 });
    server.watches.destroy();
    await server.down();
    await server.up();
    await settlesAt(reflector, { a: "Succeeded" });
  });

  test("a full list finds what a watch has missed, and nothing where it missed nothing", async () => {
    addPod("a");
    addPod("b");
    const reflector = reflect({ auditMs: 400 });
    await vi.waitFor(() => expect(server.watches.count).toBe(1));
    server.watches.swallow(3);
    setPhase("a", "Running");
    server.store.delete(`${collection}/b`);
    await settlesAt(reflector, { a: "Running" });
    server.watches.swallow(1);
    addPod("c");
    await settlesAt(reflector, { a: "Running", c: "Pending" });
    const before = changes.length;
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(changes).toHaveLength(before);
    expect(server.countCalls(/^GET/)).toBeGreaterThan(3);
  });
});
