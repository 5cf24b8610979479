import { expect, test } from "vitest";
import { toRpcError } from "./errors.ts";

test.each([
  Object.assign(new Error("terminating connection due to administrator command"), { code: "57P01" }),
  Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
  new Error("Connection terminated unexpectedly"),
])("an outage of the database asks the caller to try again: $message", (error) => {
  expect(toRpcError(error)).toMatchObject({
    code: "UNAVAILABLE",
    reason: "DATABASE_UNAVAILABLE",
    retryAfterMs: 1_000,
  });
});

test("any other fault stays what it is", () => {
  const fault = new Error("a mistake of ours");
  expect(toRpcError(fault)).toBe(fault);
});
