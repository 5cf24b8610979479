import fc from "fast-check";
import { expect, test } from "vitest";
import { type JobId, newId } from "./ids.ts";

test("newId makes UUIDs of version 7 and variant 2", () => {
  for (let i = 0; i < 200; i++) {
    expect(newId<JobId>()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test("ids sort by their time", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 47 }), fc.integer({ min: 1, max: 2 ** 46 }), (time, later) => {
      expect(newId(time) < newId(time + later)).toBe(true);
    }),
  );
});

test("ids of one millisecond differ", () => {
  const ids = Array.from({ length: 10_000 }, () => newId(0));
  expect(new Set(ids).size).toBe(ids.length);
});
