import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { timeLeftMs } from "./time-left.ts";

const inSeconds = (seconds: number) => timestampFromMs(Date.now() + seconds * 1000);

test.each([-300, 300])("the scheduler's count holds on a machine whose clock is %i s off", (off) => {
  expect(timeLeftMs({ remainingSeconds: 12, hardDeadline: inSeconds(12 + off) })).toBe(12_000);
});

test("a scheduler that does not count yet is understood by its deadline", () => {
  expect(timeLeftMs({ hardDeadline: inSeconds(10) })).toBeCloseTo(10_000, -3);
  expect(timeLeftMs({ hardDeadline: inSeconds(-10) })).toBe(0);
  expect(timeLeftMs({})).toBeUndefined();
});
