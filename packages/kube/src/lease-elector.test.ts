import { createLogger } from "@gradients/runtime";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KubeClient } from "./client.ts";
import { LeaseElector } from "./lease-elector.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { TestApiServer } from "./testing/index.ts";
import { KubeTransport } from "./transport.ts";

const times = { leaseMs: 1_000, renewMs: 600, retryMs: 100 };
/** For what has to stay as it is, however busy the machine. */
const patient = { leaseMs: 20_000, renewMs: 12_000, retryMs: 100 };
const key = "/apis/coordination.k8s.io/v1/namespaces/n/leases/control";

let server: TestApiServer;
let cleanup: AsyncDisposableStack;

beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  server = cleanup.use(new TestApiServer());
  await server.up();
});

afterEach(async () => {
  vi.useRealTimers();
  await cleanup.disposeAsync();
});

function replica(identity: string, leastTerm = 0n, own = times) {
  const transport = new KubeTransport(server.connection("n"), { userAgent: identity });
  cleanup.defer(() => transport.close());
  const client = new KubeClient(transport, "n", new RateLimiter({ perSecond: 500, burst: 500 }));
  const elector = new LeaseElector({
    client,
    name: "control",
    identity,
    times: own,
    logger: createLogger({ service: "test", level: "silent" }),
  });
  const stop = new AbortController();
  const terms: bigint[] = [];
  let leads = false;
  const run = (async () => {
    while (!stop.signal.aborted) {
      await elector.lead(
        stop.signal,
        async () => leastTerm,
        async (held, term) => {
          terms.push(term);
          leads = true;
          await new Promise<void>((resolve) =>
            held.addEventListener("abort", () => resolve(), { once: true }),
          );
          leads = false;
        },
      );
    }
  })();
  const end = async () => {
    stop.abort();
    await run;
  };
  cleanup.defer(end);
  return { elector, terms, end, leads: () => leads };
}

describe("LeaseElector", () => {
  test("one of several leads, and the next follows at once when it stops", async () => {
    const replicas = [replica("a"), replica("b"), replica("c")];
    await vi.waitFor(() => expect(replicas.filter(({ leads }) => leads())).toHaveLength(1));
    const first = replicas.find(({ leads }) => leads());
    await first?.end();
    const stoppedAt = Date.now();
    await vi.waitFor(() => expect(replicas.filter(({ leads }) => leads())).toHaveLength(1));
    expect(Date.now() - stoppedAt).toBeLessThan(times.leaseMs);
    expect(replicas.flatMap(({ terms }) => terms)).toEqual(expect.arrayContaining([1n, 2n]));
  });

  test("a term exceeds what the caller has seen, also after the Lease was deleted", async () => {
    const first = replica("a", 41n);
    await vi.waitFor(() => expect(first.terms).toEqual([42n]));
    await first.end();
    server.store.delete(key);
    const second = replica("b", 42n);
    await vi.waitFor(() => expect(second.terms).toEqual([43n]));
  });

  test("a leader that cannot renew stops before another may take over", async () => {
    const first = replica("a");
    await vi.waitFor(() => expect(first.leads()).toBe(true));
    server.faults.add({ how: "refuse", method: "PUT", status: 503, times: 100 });
    const since = Date.now();
    await vi.waitFor(() => expect(first.leads()).toBe(false), { timeout: 2_000, interval: 5 });
    expect(Date.now() - since).toBeLessThan(times.leaseMs);
    expect(first.elector.isLeading).toBe(false);
  });

  test("a leader that cannot renew stops in time though its clock was set back", async () => {
    const first = replica("a");
    await vi.waitFor(() => expect(first.leads()).toBe(true));
    server.faults.add({ how: "refuse", method: "PUT", status: 503, times: 100 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 300_000 });
    const since = performance.now();
    await vi.waitFor(() => expect(first.leads()).toBe(false), { timeout: 2_000, interval: 5 });
    expect(performance.now() - since).toBeLessThan(times.leaseMs);
  });

  test("a renewal whose answer was lost does not end the leadership", async () => {
    const first = replica("a", 0n, patient);
    await vi.waitFor(() => expect(first.leads()).toBe(true));
    server.faults.add({ how: "lose", method: "PUT", times: 3 });
    await vi.waitFor(() => expect(server.faults.left).toBe(0), { timeout: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 2 * patient.retryMs));
    expect(first.terms).toEqual([1n]);
    expect(first.leads()).toBe(true);
  });

  test("one that was paused knows that it may lead no more as soon as it goes on", async () => {
    const first = replica("a");
    await vi.waitFor(() => expect(first.leads()).toBe(true));
    const until = Date.now() + times.leaseMs * 1.5;
    while (Date.now() < until); // this process does nothing else, as if stopped
    expect(first.elector.isLeading).toBe(false);
  });

  test("a holder that died is followed when its lease is over", async () => {
    const spec = {
      holderIdentity: "dead",
      leaseDurationSeconds: 1,
      leaseTransitions: 6,
      renewTime: "2020-01-01T00:00:00.000000Z",
    };
    const metadata = { name: "control", uid: "", resourceVersion: "", creationTimestamp: "" };
    server.store.create(key.slice(0, key.lastIndexOf("/")), { kind: "Lease", metadata, spec });
    const since = Date.now();
    const heir = replica("a");
    await vi.waitFor(() => expect(heir.terms).toEqual([7n]), { timeout: 3_000 });
    expect(Date.now() - since).toBeGreaterThanOrEqual(1_000);
  });
});
