import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxUpscaled } from "./set-weights.ts";

describe("maxUpscaled", () => {
  it.each([
    { sent: [1, 2], stored: [32_768, 65_535] },
    { sent: [0, 0], stored: [0, 0] },
    { sent: [65_535, 32_768, 1], stored: [65_535, 32_768, 1] },
    { sent: [10_000, 10_000], stored: [65_535, 65_535] },
    // 65535/40000 is truncated to 32 bits of fraction before it is multiplied: above 32768 the chain divides first.
    { sent: [40_000, 20_000, 13_333], stored: [65_535, 32_767, 21_844] },
  ])("stores $sent as $stored", ({ sent, stored }) => {
    expect(maxUpscaled(sent)).toEqual(stored);
  });

  it("leaves a vector whose maximum is 65535 as it was sent", () => {
    const vector = fc
      .array(fc.integer({ min: 0, max: 65_535 }), { maxLength: 256 })
      .map((weights) => [...weights, 65_535]);
    fc.assert(
      fc.property(vector, (weights) => {
        expect(maxUpscaled(weights)).toEqual(weights);
      }),
    );
  });
});
