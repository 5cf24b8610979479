import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng } from "./rng.ts";

describe("Rng", () => {
  test("gives the numbers of the reference generator for the state that the seed's hash sets", () => {
    const rng = new Rng("gradients");
    const drawn = Array.from({ length: 6 }, () => rng.nextU32());
    expect(drawn).toEqual([863352661, 3502713867, 3389884116, 3068002781, 1848036923, 393420441]);
  });

  test("gives the same numbers for the same seed and others for another", () => {
    const draw = (seed: string) => Array.from({ length: 8 }, (_, i) => [i, rngOf(seed).nextU32()]);
    expect(draw("a")).toEqual(draw("a"));
    expect(draw("a")).not.toEqual(draw("b"));
  });

  test("int stays in its range and reaches both ends", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 12 }), (seed, bound) => {
        const rng = rngOf(seed);
        const drawn = Array.from({ length: 400 }, () => rng.int(bound));
        expect(Math.min(...drawn)).toBe(0);
        expect(Math.max(...drawn)).toBe(bound - 1);
      }),
    );
  });

  test("int works up to 2^32 and refuses what it cannot draw", () => {
    expect(rngOf("x").int(2 ** 32)).toBeLessThan(2 ** 32);
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
      expect(() => rngOf("x").int(bound)).toThrow(RangeError);
  });

  test("float is in [0, 1) with a mean near one half", () => {
    const rng = rngOf("floats");
    const drawn = Array.from({ length: 20_000 }, () => rng.float());
    expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(drawn.reduce((sum, x) => sum + x, 0) / drawn.length).toBeCloseTo(0.5, 2);
  });

  test("shuffle keeps the items and leaves its argument alone", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.integer()), (seed, items) => {
        const before = [...items];
        const shuffled = rngOf(seed).shuffle(items);
        expect(items).toEqual(before);
        expect(shuffled.toSorted((a, b) => a - b)).toEqual(before.toSorted((a, b) => a - b));
      }),
    );
  });

  test("shuffle makes every order of three items equally likely", () => {
    const rng = rngOf("orders");
    const counts = new Map<string, number>();
    for (let i = 0; i < 6_000; i++) {
      const order = rng.shuffle(["a", "b", "c"]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.values()].length).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150); // five standard deviations
  });
});

const rngOf = (seed: string) => new Rng(seed);
