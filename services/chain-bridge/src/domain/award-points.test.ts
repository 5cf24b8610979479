import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awardPoints, decayedShares, MICRO_POINTS_PER_JOB, type RankedEntry } from "./award-points.ts";

function entry(hotkey: string, rank: number, gainOverBaseLow = 0.1): RankedEntry {
  return { attemptId: `attempt of ${hotkey} at ${rank}`, hotkey, rank, gainOverBaseLow };
}

const pointsOf = (ranking: readonly RankedEntry[]) =>
  awardPoints(ranking).awards.map(({ hotkey, microPoints }) => [hotkey, microPoints]);

describe("decayedShares", () => {
  // domain.md H.2, "Shares".
  it.each([
    { ranks: [1], shares: ["1.000000"] },
    { ranks: [1, 2], shares: ["0.769231", "0.230769"] },
    { ranks: [1, 2, 3], shares: ["0.719424", "0.215827", "0.064748"] },
    { ranks: [1, 2, 3, 4], shares: ["0.705716", "0.211715", "0.063514", "0.019054"] },
  ])("of ranks $ranks are the golden ones", ({ ranks, shares }) => {
    const whole = 10n ** 12n;
    expect(decayedShares(ranks, whole).map((share) => (Number(share) / 1e12).toFixed(6))).toEqual(shares);
  });

  it("gives ties equal shares at the mean of their ranks", () => {
    expect(decayedShares([1, 1], 1_000_000n)).toEqual([500_000n, 500_000n]);
    const [first = 0n, second, third = 0n] = decayedShares([1, 1, 3], 1_000_000n);
    expect(first).toBe(second);
    // 0.3^0.5 against 0.3^2
    expect(Number(first) / Number(third)).toBeCloseTo(0.3 ** 0.5 / 0.3 ** 2, 3);
  });

  it("counts positions, so a gap in the ranks changes nothing", () => {
    expect(decayedShares([1, 2, 5], 1_000_000n)).toEqual(decayedShares([1, 2, 3], 1_000_000n));
  });
});

describe("awardPoints", () => {
  it("gives nothing to an entry without a significant gain, and its place to the next", () => {
    const ranking = [
      entry("a", 1),
      entry("b", 2, -0.01),
      { ...entry("c", 3), gainOverBaseLow: undefined },
      entry("d", 0),
      entry("e", 4),
    ];
    expect(pointsOf(ranking)).toEqual([
      ["a", 769_230n],
      ["e", 230_769n],
    ]);
  });

  it("leaves all points unallocated when nobody gained", () => {
    expect(awardPoints([entry("a", 1, 0)])).toEqual({
      awards: [],
      unallocatedMicroPoints: MICRO_POINTS_PER_JOB,
    });
  });

  it("counts only a hotkey's best entry", () => {
    expect(pointsOf([entry("a", 1), entry("a", 2), entry("b", 3)])).toEqual([
      ["a", 769_230n],
      ["b", 230_769n],
    ]);
  });

  it("burns the share of a recipe that no contestant owns", () => {
    const { awards, unallocatedMicroPoints } = awardPoints([entry("", 1), entry("b", 2)]);
    expect(awards.map(({ microPoints }) => microPoints)).toEqual([230_769n]);
    expect(unallocatedMicroPoints).toBe(769_231n);
  });

  const rankings = fc.array(
    fc.record({
      attemptId: fc.uuid(),
      hotkey: fc.constantFrom("", "a", "b", "c", "d", "e", "f"),
      rank: fc.integer({ min: 0, max: 5 }),
      gainOverBaseLow: fc.option(fc.double({ min: -1, max: 1, noNaN: true }), { nil: undefined }),
    }),
    { maxLength: 12 },
  );

  it("conserves points, pays a hotkey once, and never pays a worse rank more", () => {
    fc.assert(
      fc.property(rankings, (ranking) => {
        const { awards, unallocatedMicroPoints } = awardPoints(ranking);
        const given = awards.reduce((total, { microPoints }) => total + microPoints, 0n);
        expect(given + unallocatedMicroPoints).toBe(MICRO_POINTS_PER_JOB);
        expect(unallocatedMicroPoints).toBeGreaterThanOrEqual(0n);
        expect(new Set(awards.map(({ hotkey }) => hotkey)).size).toBe(awards.length);
        const descending = awards.map(({ microPoints }) => microPoints);
        expect(descending).toEqual(
          descending.toSorted((left, right) => (left > right ? -1 : left < right ? 1 : 0)),
        );
      }),
    );
  });
});
