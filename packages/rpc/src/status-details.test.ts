import { status as GrpcStatus, Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { RpcError } from "./errors.ts";
import { parseRpcError, toStatus } from "./status-details.ts";

/** What grpc-js hands to a caller when the server ended the call so. */
function received(error: RpcError): Error {
  const sent = toStatus(error, "req-1");
  return Object.assign(new Error(`${sent.code} ${GrpcStatus[sent.code]}: ${sent.details}`), sent);
}

describe("an RpcError's way over the wire", () => {
  test("keeps code, reason, message and every detail", () => {
    const error = new RpcError("FAILED_PRECONDITION", "FENCED", "a newer epoch runs", {
      fieldViolations: [
        { field: "epoch", description: "must be 3, found 2", reason: "EPOCH_OLD" },
        { field: "phase", description: "is unknown" },
      ],
      metadata: { epoch: "3" },
      retryAfterMs: 1500.25,
      resource: { type: "attempt", name: "attempts/a" },
    });
    expect(parseRpcError(received(error))).toMatchObject({
      name: "RpcError",
      code: "FAILED_PRECONDITION",
      reason: "FENCED",
      message: "a newer epoch runs",
      fieldViolations: error.fieldViolations,
      metadata: { epoch: "3" },
      retryAfterMs: 1500.25,
      resource: { type: "attempt", name: "attempts/a" },
      requestId: "req-1",
    });
  });

  test("adds no detail that was not given", () => {
    const parsed = parseRpcError(received(new RpcError("NOT_FOUND", "JOB_NOT_FOUND", "no such job")));
    expect(parsed.fieldViolations).toEqual([]);
    expect(parsed.metadata).toEqual({});
    expect(parsed.retryAfterMs).toBeUndefined();
    expect(parsed.resource).toBeUndefined();
  });

  test("keeps text beyond ASCII", () => {
    const parsed = parseRpcError(received(new RpcError("INVALID_ARGUMENT", "X", "Zeile 3: „é“ — 日本")));
    expect(parsed.message).toBe("Zeile 3: „é“ — 日本");
  });
});

describe("failures of other origin", () => {
  test("a server without details is named by its status", () => {
    const foreign = Object.assign(new Error("14 UNAVAILABLE: down"), {
      code: GrpcStatus.UNAVAILABLE,
      details: "down",
      metadata: new Metadata(),
    });
    expect(parseRpcError(foreign)).toMatchObject({
      code: "UNAVAILABLE",
      reason: "GRPC_UNAVAILABLE",
      message: "down",
      cause: foreign,
    });
  });

  test("details that are no google.rpc.Status are ignored", () => {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff]));
    const foreign = Object.assign(new Error("x"), { code: GrpcStatus.ABORTED, details: "x", metadata });
    expect(parseRpcError(foreign)).toMatchObject({ code: "ABORTED", reason: "GRPC_ABORTED" });
  });

  test("anything else is UNKNOWN and keeps its cause; an RpcError is itself", () => {
    const fault = new TypeError("broken");
    expect(parseRpcError(fault)).toMatchObject({ code: "UNKNOWN", message: "broken", cause: fault });
    const error = new RpcError("ABORTED", "STALE", "read again");
    expect(parseRpcError(error)).toBe(error);
  });
});
