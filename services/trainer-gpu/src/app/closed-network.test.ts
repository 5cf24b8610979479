import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ClosedEvidence, untilClosed } from "./closed-network.ts";

const times = { holdMs: 2_000, outageMs: 15_000 };
const resolver = { host: "10.96.0.10", port: 53 };
const shut = { resolvers: [resolver], isDnsOpen: false };
const open = { resolvers: [resolver], isDnsOpen: true };
const none = { resolvers: [], isDnsOpen: false };

/** Who is in reach, from a second on. */
type Seen = readonly [second: number, ...who: ("api" | "dns")[]];

/** The second in which it counts as closed, when it is tried once in each; null within an hour. */
function closedAt(network: typeof shut | typeof none, ...seen: readonly Seen[]): number | null {
  const evidence = new ClosedEvidence(network, times);
  for (let second = 0; second < 3_600; second += 1) {
    const [, ...who] = seen.findLast(([from]) => from <= second) ?? [0];
    evidence.note(who.includes("api"), who.includes("dns"), second * 1_000);
    if (evidence.isClosed(second * 1_000)) return second;
  }
  return null;
}

describe("a network is closed", () => {
  test("once neither API server nor resolver has been in reach for two seconds", () => {
    expect(closedAt(shut, [0])).toBe(2);
    expect(closedAt(shut, [0, "api", "dns"], [7])).toBe(9);
    expect(closedAt(shut, [0, "api"], [7, "dns"], [8], [9, "dns"], [20])).toBe(22);
    expect(closedAt(open, [0, "api", "dns"], [7])).toBe(9);
  });

  test("not as long as a resolver is in reach that should not be, however long the API server is away", () => {
    expect(closedAt(shut, [0, "dns"])).toBeNull();
    expect(closedAt(shut, [0, "api", "dns"], [7, "dns"], [900, "api", "dns"])).toBeNull();
  });

  test("where resolvers are open, once the API server has been out of reach for longer than it takes to start anew", () => {
    expect(closedAt(open, [0, "api", "dns"], [7, "dns"])).toBe(22);
    expect(closedAt(open, [0, "dns"], [14, "api", "dns"], [20, "dns"])).toBe(35);
  });

  test("and so where there is no resolver to try", () => {
    expect(closedAt(none, [0, "api"], [7])).toBe(22);
    expect(closedAt(none, [0], [14, "api"], [20])).toBe(35);
  });
});

const servers = new Set<Server>();

afterEach(() => {
  for (const server of servers) server.close();
  servers.clear();
});

async function listen() {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  servers.add(server);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { server, target: { host: "127.0.0.1", port } };
}

test("both are tried again and again, until both are out of reach", async () => {
  const [api, dns] = [await listen(), await listen()];
  const network = { apiServer: api.target, resolvers: [dns.target], isDnsOpen: false };
  let isClosed = false;
  const closed = untilClosed(network, { holdMs: 50, outageMs: 100 }).then(() => {
    isClosed = true;
  });
  await connections(api.server, 2);
  api.server.close();
  await connections(dns.server, 5);
  expect(isClosed).toBe(false);
  dns.server.close();
  await closed;
});

/** So many tries have come and were let in. */
async function connections(server: Server, count: number): Promise<void> {
  for (let seen = 0; seen < count; seen += 1) await once(server, "connection");
}
