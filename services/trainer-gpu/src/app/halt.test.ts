import { expect, test } from "vitest";
import { Halt, Halted } from "./halt.ts";

test("a request to save is a signal that leaves time", () => {
  const halt = new Halt();
  halt.request("sigterm");
  expect(halt.signal.reason).toEqual(new Halted("sigterm"));
  expect(halt.atOnce.aborted).toBe(false);
});

test("a cause that leaves no time replaces a request to save, and nothing replaces it", () => {
  const halt = new Halt();
  halt.request("sigterm");
  halt.request("fenced");
  halt.request("deadline");
  halt.request("sigterm");
  expect(halt.cause).toBe("fenced");
  expect(halt.atOnce.reason).toEqual(new Halted("fenced"));
});
