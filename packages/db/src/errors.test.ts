import { expect, test } from "vitest";
import { isOutage } from "./errors.ts";

test.each([
  Object.assign(new Error("terminating connection due to administrator command"), { code: "57P01" }),
  Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
  new AggregateError([Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })]),
  new Error("Connection terminated unexpectedly"),
])("an outage of the database is told by its error: $message", (error) => {
  expect(isOutage(error)).toBe(true);
});

test("any other fault is none", () => {
  expect(isOutage(new Error("a mistake of ours"))).toBe(false);
});
