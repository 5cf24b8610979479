import fc from "fast-check";
import { expect, test } from "vitest";
import { isFull, type TokenBucket, takeToken } from "./token-bucket.ts";

const limit = { perSecond: 10, burst: 5 };

test("a burst is let through, then one call in each interval", () => {
  const outcomes = run([0, 0, 0, 0, 0, 0, 50, 100, 150, 10_000]);
  expect(outcomes).toEqual([true, true, true, true, true, 100, 50, true, 50, true]);
});

test("never lets more through than burst and rate allow, and the time that it names is the right one", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 80 }), (gaps) => {
      let now = 0;
      const times = gaps.map((gap) => (now += gap));
      const outcomes = run(times);
      const let_ = outcomes.filter((outcome) => outcome === true).length;
      expect(let_).toBeLessThanOrEqual(limit.burst + (now / 1_000) * limit.perSecond);
      const last = outcomes.at(-1);
      if (typeof last === "number") expect(run([...times, now + last]).at(-1)).toBe(true);
    }),
  );
});

test("a bucket is full again after a pause, and not before", () => {
  expect(isFull({ tokens: 0, at: 0 }, 499, limit)).toBe(false);
  expect(isFull({ tokens: 0, at: 0 }, 500, limit)).toBe(true);
});

/** True for each call that is let through, else the milliseconds to wait. */
function run(times: readonly number[]): readonly (true | number)[] {
  let bucket: TokenBucket | undefined;
  return times.map((now) => {
    const taken = takeToken(bucket, now, limit);
    if (!taken.ok) return taken.retryAfterMs;
    bucket = taken.bucket;
    return true;
  });
}
