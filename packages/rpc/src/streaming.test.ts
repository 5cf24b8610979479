import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProgressPointSchema } from "@gradients/contracts/event";
import { describe, expect, test } from "vitest";
import { RpcError } from "./errors.ts";
import type { CallContext } from "./service-types.ts";
import { failure, startTestServer } from "./test-server.ts";
import { TestService } from "./test-service.ts";

type Point = MessageInitShape<typeof ProgressPointSchema>;

describe("a stream from the server", () => {
  test("arrives whole and in order", async () => {
    await using server = await startTestServer();
    expect(await steps(server.client.count({ totalSteps: 500n }))).toEqual(upTo(500));
  });

  test("that ends with an error gives what came before it", async () => {
    await using server = await startTestServer({
      async *count() {
        yield { step: 1n };
        yield { step: 2n };
        throw new RpcError("DATA_LOSS", "LOG_BROKEN", "the log ends here", { metadata: { step: "2" } });
      },
    });
    const seen: bigint[] = [];
    const error = await failure(async () => {
      for await (const { step } of server.client.count({})) seen.push(step);
    });
    expect(seen).toEqual([1n, 2n]);
    expect(error).toMatchObject({ code: "DATA_LOSS", reason: "LOG_BROKEN", metadata: { step: "2" } });
  });

  test("is cancelled when the caller leaves the loop: the handler cleans up", async () => {
    const { cleanedUp, count } = watched();
    await using server = await startTestServer({ count });
    for await (const { step } of server.client.count({})) if (step === 3n) break;
    expect(await cleanedUp).toMatchObject({ code: "CANCELLED" });
  });

  test("is cancelled by the caller's signal", async () => {
    const { cleanedUp, count } = watched();
    await using server = await startTestServer({ count });
    const controller = new AbortController();
    const error = await failure(async () => {
      for await (const { step } of server.client.count({}, { signal: controller.signal })) {
        if (step === 3n) controller.abort();
      }
    });
    expect(error.code).toBe("CANCELLED");
    await cleanedUp;
  });

  test("has no deadline of the client's, but one of its own when asked", async () => {
    let deadline: Date | undefined | "unset" = "unset";
    await using server = await startTestServer({
      async *count(_request, ctx) {
        deadline = ctx.deadline;
        yield {};
        await sleep(60_000, undefined, { signal: ctx.signal });
      },
    });
    for await (const _ of server.client.count({})) break;
    expect(deadline).toBeUndefined();
    const error = await failure(() => steps(server.client.count({}, { deadlineMs: 300 })));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
  });

  test("is written at the reader's pace", async () => {
    let written = 0;
    await using server = await startTestServer({
      async *count(_request, { signal }) {
        while (!signal.aborted) {
          yield { step: BigInt(++written) };
          // Lets the transport run, as a handler that reads from a database would.
          if (written % 1000 === 0) await setImmediate();
        }
      },
    });
    const stream = server.client.count({})[Symbol.asyncIterator]();
    await stream.next();
    // The reader stands still; so must the writer, once the buffers between the two are full.
    for (let before = -1; written !== before; await sleep(50)) {
      expect(written).toBeLessThan(200_000);
      before = written;
    }
    await stream.return?.();
  });

  test("is refused like a unary call when its request breaks a rule or its handler is at fault", async () => {
    await using server = await startTestServer({
      count: () => {
        throw new Error("secret detail");
      },
    });
    const error = await failure(() => steps(server.client.count({})));
    expect(error).toMatchObject({ code: "INTERNAL" });
    expect(error.message).not.toContain("secret");
  });
});

describe("a stream from the client", () => {
  test("is summed up", async () => {
    await using server = await startTestServer();
    expect(await server.client.sum(points(1000))).toMatchObject({ step: 500_500n });
    expect(await server.client.sum(points(0))).toMatchObject({ step: 0n });
  });

  test("may be answered before its end: the source is closed", async () => {
    await using server = await startTestServer({
      sum: async (requests) => {
        for await (const { step } of requests) if (step === 3n) return { step };
        return {};
      },
    });
    const { closed, source } = endless();
    expect(await server.client.sum(source)).toMatchObject({ step: 3n });
    await closed;
  });

  test("may be refused before its end", async () => {
    await using server = await startTestServer({
      sum: async () => {
        throw new RpcError("FAILED_PRECONDITION", "CLOSED", "nothing is taken any more");
      },
    });
    const { closed, source } = endless();
    expect(await failure(() => server.client.sum(source))).toMatchObject({ reason: "CLOSED" });
    await closed;
  });

  test("that breaks at its source rejects with the source's error and cancels the call", async () => {
    const received = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    await using server = await startTestServer({
      sum: (requests) => {
        const sum = readAll(requests, received.resolve);
        sum.then(() => ended.resolve("no error"), ended.resolve);
        return sum;
      },
    });
    async function* broken(): AsyncGenerator<Point> {
      yield { step: 1n };
      await received.promise;
      throw new Error("the disk is gone");
    }
    await expect(server.client.sum(broken())).rejects.toThrow("the disk is gone");
    expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
  });

  test("that is cut with its connection does not pass for a whole one", async () => {
    const received = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    await using server = await startTestServer({
      sum: (requests) => {
        const sum = readAll(requests, received.resolve);
        sum.then(() => ended.resolve("no error"), ended.resolve);
        return sum;
      },
    });
    const proxy = await startProxy(server.address);
    const client = server.newClient(TestService, { target: proxy.address });
    const { source } = endless();
    const call = failure(() => client.sum(source));
    await received.promise;
    proxy.cut();
    expect(await call).toMatchObject({ code: "UNAVAILABLE" });
    expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
  });

  test("is cancelled by the caller's signal", async () => {
    await using server = await startTestServer();
    const controller = new AbortController();
    const { closed, source } = endless(() => controller.abort());
    expect((await failure(() => server.client.sum(source, { signal: controller.signal }))).code).toBe(
      "CANCELLED",
    );
    await closed;
  });
});

describe("streams both ways", () => {
  test("answer each message", async () => {
    await using server = await startTestServer();
    expect(await steps(server.client.double(points(50)))).toEqual(upTo(50).map((step) => step * 2n));
  });

  test("pass on what the source throws", async () => {
    await using server = await startTestServer();
    async function* broken(): AsyncGenerator<Point> {
      yield { step: 1n };
      throw new Error("the disk is gone");
    }
    await expect(steps(server.client.double(broken()))).rejects.toThrow("the disk is gone");
  });
});

function upTo(last: number): bigint[] {
  return Array.from({ length: last }, (_, index) => BigInt(index + 1));
}

async function* points(last: number): AsyncGenerator<Point> {
  for (const step of upTo(last)) yield { step };
}

async function steps(stream: AsyncIterable<{ readonly step: bigint }>): Promise<bigint[]> {
  const seen: bigint[] = [];
  for await (const { step } of stream) seen.push(step);
  return seen;
}

async function readAll(requests: AsyncIterable<unknown>, onMessage: () => void): Promise<Point> {
  for await (const _ of requests) onMessage();
  return {};
}

/** A TCP proxy that can cut all its connections, as a crash of the caller would. */
async function startProxy(target: string) {
  const [host, port] = target.split(":");
  const sockets: Socket[] = [];
  const server = createServer((inbound) => {
    const outbound = connect({ host: host ?? "", port: Number(port) });
    sockets.push(inbound, outbound);
    for (const socket of [inbound, outbound]) socket.on("error", () => {});
    inbound.pipe(outbound).pipe(inbound);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, cut };
}

/** Messages without end, at a walking pace; `closed` resolves when the reader has closed it. */
function endless(onThird: () => void = () => {}) {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<Point> {
    try {
      for (let step = 1n; ; step++) {
        if (step === 3n) onThird();
        yield { step };
        await sleep(5);
      }
    } finally {
      resolve();
    }
  }
  return { closed, source: source() };
}

/** A handler that streams until its signal aborts, and says with what reason its `finally` ran. */
function watched() {
  const { promise: cleanedUp, resolve } = Promise.withResolvers<unknown>();
  async function* count(_request: unknown, { signal }: CallContext): AsyncGenerator<Point> {
    try {
      for (let step = 1n; ; step++) {
        yield { step };
        if (step >= 3n) await sleep(60_000, undefined, { signal });
      }
    } finally {
      resolve(signal.reason);
    }
  }
  return { cleanedUp, count };
}
