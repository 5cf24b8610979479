import { UploadPurpose } from "@gradients/contracts/trainer";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { RpcError } from "./errors.ts";
import type { CallContext } from "./service-types.ts";
import { failure, rawFailure, startTestServer } from "./test-server.ts";

const upload = { purpose: UploadPurpose.ARTIFACT, fileName: "a.bin", size: 7n, sha256: "a".repeat(64) };

describe("a unary call", () => {
  test("takes and returns plain objects", async () => {
    await using server = await startTestServer();
    expect(await server.client.getPoint({ step: 9_007_199_254_740_993n, loss: 0.25 })).toMatchObject({
      $typeName: "gradients.event.v1.ProgressPoint",
      step: 9_007_199_254_740_993n,
      loss: 0.25,
    });
  });

  test("tells the handler its method, deadline and request id", async () => {
    let seen: CallContext | undefined;
    await using server = await startTestServer({
      getPoint: async (request, ctx) => {
        seen = ctx;
        return request;
      },
    });
    const before = Date.now();
    await server.client.getPoint(
      {},
      { deadlineMs: 5_000, metadata: { "x-request-id": "req-7", "x-extra": "e" } },
    );
    expect(seen).toMatchObject({ method: "gradients.rpctest.v1.TestService/GetPoint", requestId: "req-7" });
    expect(seen?.metadata.get("x-extra")).toEqual(["e"]);
    expect(seen?.deadline?.getTime()).toBeGreaterThan(before);
    expect(seen?.deadline?.getTime()).toBeLessThanOrEqual(Date.now() + 5_000);
  });

  test("is refused before the handler when a rule of the proto file is broken", async () => {
    let handled = 0;
    await using server = await startTestServer({
      begin: async () => {
        handled++;
        return {};
      },
    });
    const error = await failure(server.client.begin({ ...upload, size: -5n }));
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "REQUEST_INVALID",
      message: "invalid request: size",
      fieldViolations: [{ field: "size", description: "must be greater than or equal to 0, found -5" }],
    });
    expect(handled).toBe(0);
  });

  test("ends with the handler's error and all its details", async () => {
    await using server = await startTestServer({
      begin: async () => {
        throw new RpcError("RESOURCE_EXHAUSTED", "QUOTA", "too many jobs", {
          metadata: { limit: "3" },
          retryAfterMs: 2_000,
          resource: { type: "project", name: "projects/p" },
        });
      },
    });
    expect(
      await failure(server.client.begin(upload, { metadata: { "x-request-id": "req-8" } })),
    ).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "QUOTA",
      message: "too many jobs",
      metadata: { limit: "3" },
      retryAfterMs: 2_000,
      resource: { type: "project", name: "projects/p" },
      requestId: "req-8",
    });
  });

  test("hides a fault from the caller and logs it", async () => {
    await using server = await startTestServer({
      getPoint: async () => {
        throw new Error("password=hunter2");
      },
    });
    const error = await failure(server.client.getPoint({}));
    expect(error).toMatchObject({ code: "INTERNAL", reason: "INTERNAL" });
    expect(error.message).not.toContain("hunter2");
    expect(server.logs.find(({ msg }) => msg === "rpc failed")).toMatchObject({
      level: "error",
      method: "gradients.rpctest.v1.TestService/GetPoint",
      request_id: error.requestId,
      err: { message: "password=hunter2" },
    });
  });

  test("asks its caller to try again while a server behind it is away", async () => {
    const outage = new Error("connect ECONNREFUSED");
    const impl = { getPoint: () => Promise.reject(outage) };
    await using server = await startTestServer(impl, { isOutage: (fault) => fault === outage });
    expect(await failure(server.client.getPoint({}))).toMatchObject({
      code: "UNAVAILABLE",
      reason: "DATABASE_UNAVAILABLE",
      retryAfterMs: 1_000,
    });
  });

  test("fails as INTERNAL when the handler's answer is no valid message", async () => {
    await using server = await startTestServer({ getPoint: async () => ({ step: 2n ** 70n }) });
    expect(await failure(server.client.getPoint({}))).toMatchObject({ code: "INTERNAL" });
  });

  test("refuses a message beyond the size limit", async () => {
    await using server = await startTestServer({}, { maxMessageBytes: 1000 });
    const error = await failure(server.client.begin({ ...upload, sha256: "a".repeat(2000) }));
    expect(error.code).toBe("RESOURCE_EXHAUSTED");
  });
});

describe("authentication", () => {
  const authenticate = async ({ metadata }: CallContext): Promise<unknown> => {
    const [header] = metadata.get("authorization");
    if (header === "Bearer good") return { account: "a" };
    throw new RpcError("UNAUTHENTICATED", "TOKEN_INVALID", "send a valid token");
  };

  test("hands its result to the handler", async () => {
    let principal: unknown;
    const getPoint = async (_request: unknown, ctx: CallContext) => {
      principal = ctx.principal;
      return {};
    };
    await using server = await startTestServer({ getPoint }, { authenticate }, { token: () => "good" });
    await server.client.getPoint({});
    expect(principal).toEqual({ account: "a" });
  });

  test("refuses before it looks at the request", async () => {
    await using server = await startTestServer({}, { authenticate }, { token: "bad" });
    const error = await failure(server.client.begin({ size: -1n }));
    expect(error).toMatchObject({ code: "UNAUTHENTICATED", reason: "TOKEN_INVALID" });
  });
});

describe("retries", () => {
  test("UNAVAILABLE is tried again for methods that change nothing", async () => {
    let tries = 0;
    await using server = await startTestServer({
      getPoint: async () => {
        if (++tries < 3) throw new RpcError("UNAVAILABLE", "DATABASE_DOWN", "try again");
        return { step: BigInt(tries) };
      },
    });
    expect((await server.client.getPoint({})).step).toBe(3n);
  });

  test("but not for others, nor for other failures", async () => {
    const tries = { begin: 0, getPoint: 0 };
    await using server = await startTestServer({
      begin: async () => {
        tries.begin++;
        throw new RpcError("UNAVAILABLE", "DATABASE_DOWN", "try again");
      },
      getPoint: async () => {
        tries.getPoint++;
        throw new RpcError("ABORTED", "STALE", "read again");
      },
    });
    await failure(server.client.begin(upload));
    await failure(server.client.getPoint({}));
    expect(tries).toEqual({ begin: 1, getPoint: 1 });
  });

  test("a restarted server is found again", async () => {
    await using first = await startTestServer();
    await first.client.getPoint({});
    await first.stop();
    const port = Number(first.address.split(":").at(-1));
    await using _second = await startTestServer({}, { listen: { host: "127.0.0.1", port } });
    expect((await first.client.getPoint({ step: 5n })).step).toBe(5n);
  });

  test("a server that is not there is UNAVAILABLE", async () => {
    await using server = await startTestServer();
    const { client } = server;
    await server.stop();
    expect(await failure(client.begin(upload))).toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("callers that do not use our client", () => {
  test("get a readable status for bytes that are no message", async () => {
    await using server = await startTestServer();
    const raw = new Client(server.address, credentials.createInsecure());
    const error = await rawFailure(
      raw,
      "/gradients.rpctest.v1.TestService/GetPoint",
      Buffer.from([0x0a, 0xff]),
    );
    raw.close();
    expect(error).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: "the bytes are no gradients.event.v1.ProgressPoint",
    });
  });

  test("get their request id back, in headers or in trailers; an unsafe one is replaced", async () => {
    await using server = await startTestServer();
    const raw = new Client(server.address, credentials.createInsecure());
    expect(await echoedRequestId(raw, "/gradients.rpctest.v1.TestService/GetPoint", "mine-1")).toBe("mine-1");
    expect(await echoedRequestId(raw, "/gradients.rpctest.v1.TestService/Begin", "mine-2")).toBe("mine-2");
    const replaced = await echoedRequestId(raw, "/gradients.rpctest.v1.TestService/GetPoint", "two words");
    expect(replaced).toMatch(/^[0-9a-f-]{36}$/);
    raw.close();
  });
});

function echoedRequestId(client: Client, path: string, requestId: string): Promise<unknown> {
  const metadata = new Metadata();
  metadata.set("x-request-id", requestId);
  return new Promise((resolve) => {
    const bytes = Buffer.alloc(0);
    const call = client.makeUnaryRequest(
      path,
      (value: Buffer) => value,
      (value) => value,
      bytes,
      metadata,
      (error) => {
        if (error) resolve(error.metadata.get("x-request-id")[0]);
      },
    );
    call.on("metadata", (headers) => {
      const [id] = headers.get("x-request-id");
      if (id) resolve(id);
    });
  });
}
