import { Client, credentials, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { CallContext } from "./service-types.ts";
import { aborted, failure, hangingHandler, rawFailure, startTestServer } from "./test-server.ts";

describe("cancellation and deadlines", () => {
  test("the caller's signal ends the call on both sides", async () => {
    const { hanging, handler } = hangingHandler();
    await using server = await startTestServer({ getPoint: handler });
    const controller = new AbortController();
    const call = failure(server.client.getPoint({}, { signal: controller.signal }));
    const ctx = await hanging;
    controller.abort();
    expect((await call).code).toBe("CANCELLED");
    await aborted(ctx.signal);
    expect(ctx.signal.reason).toMatchObject({ code: "CANCELLED" });
  });

  test("a signal that has aborted already makes no call", async () => {
    await using server = await startTestServer();
    expect(await failure(server.client.getPoint({}, { signal: AbortSignal.abort() }))).toMatchObject({
      code: "CANCELLED",
    });
  });

  test("the deadline ends the call on both sides", async () => {
    const { hanging, handler } = hangingHandler();
    await using server = await startTestServer({ getPoint: handler });
    expect((await failure(server.client.getPoint({}, { deadlineMs: 300 }))).code).toBe("DEADLINE_EXCEEDED");
    const { signal } = await hanging;
    await aborted(signal);
    // The caller's own end of the call may arrive before the server's clock says the same.
    expect(["DEADLINE_EXCEEDED", "CANCELLED"]).toContain(signal.reason.code);
  });

  test("a call without a deadline gets the server's, even from a handler that ignores its signal", async () => {
    await using server = await startTestServer(
      { getPoint: () => new Promise(() => {}) },
      { unaryDeadlineMs: 100, drainMs: 10 },
    );
    const raw = new Client(server.address, credentials.createInsecure());
    const error = await rawFailure(raw, "/gradients.rpctest.v1.TestService/GetPoint", Buffer.alloc(0));
    raw.close();
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
  });

  test("a call made for another one keeps its deadline, signal and request id", async () => {
    const seen: CallContext[] = [];
    await using inner = await startTestServer({
      getPoint: async (request, ctx) => {
        seen.push(ctx);
        return request;
      },
    });
    await using outer = await startTestServer({
      getPoint: async (request, ctx) => {
        seen.push(ctx);
        return inner.client.getPoint(request, { parent: ctx });
      },
    });
    await outer.client.getPoint({}, { deadlineMs: 3_000 });
    const [outerCall, innerCall] = seen;
    expect(innerCall?.requestId).toBe(outerCall?.requestId);
    // On the wire a deadline is the time left, so the transit is added to it; the client's own default is 20
    // s.
    expect(innerCall?.deadline?.getTime()).toBeLessThan((outerCall?.deadline?.getTime() ?? 0) + 5_000);
  });

  test("cancelling a call cancels what was called for it", async () => {
    const { hanging, handler } = hangingHandler();
    await using inner = await startTestServer({ getPoint: handler });
    await using outer = await startTestServer({
      getPoint: (request, ctx) => inner.client.getPoint(request, { parent: ctx }),
    });
    const controller = new AbortController();
    const call = failure(outer.client.getPoint({}, { signal: controller.signal }));
    const { signal } = await hanging;
    controller.abort();
    await call;
    await aborted(signal);
  });
});
