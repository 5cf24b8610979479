import { expect, test } from "vitest";
import { Backpressure } from "./backpressure.ts";

test("a class is paused from the high mark on until half of it, by itself", () => {
  const backpressure = new Backpressure(10);
  const seen = [9, 10, 9, 6, 5, 9].map((pending) => backpressure.isPaused("gpu", pending));
  expect(seen).toEqual([false, true, true, true, false, false]);
  expect(backpressure.isPaused("gpu", 12)).toBe(true);
  expect(backpressure.isPaused("cpu", 9)).toBe(false);
});
