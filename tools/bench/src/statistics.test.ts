import { expect, test } from "vitest";
import { number } from "./benchmark.ts";
import { median, percentile, slope } from "./statistics.ts";

test("percentiles are samples, the median may lie between two", () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0.5, 0.99, 1].map((share) => percentile(samples, share))).toEqual([50, 99, 100]);
  expect([median(samples), median([3, 1, 2]), percentile([7], 0.99)]).toEqual([50.5, 2, 7]);
});

test("the slope is that of the line through the points", () => {
  expect(
    slope([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
  ).toBe(2);
  expect(slope([[1, 1]])).toBe(0);
});

test("numbers keep three digits, and all before the point", () => {
  expect([1_234_567.8, 123.4, 12.34, 1.234, 0.01234, 0, Number.NaN].map(number)).toEqual([
    "1,234,568",
    "123",
    "12.3",
    "1.23",
    "0.0123",
    "0.00",
    "-",
  ]);
});
