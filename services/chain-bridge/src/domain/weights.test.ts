import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quantise, sameWeights, type WeightsInput, weightVector } from "./weights.ts";

const subnet: WeightsInput = {
  points: [],
  unallocatedMicroPoints: 0n,
  uids: new Map([
    ["owner", 0],
    ["validator", 1],
    ["alice", 2],
    ["bob", 3],
  ]),
  ownerUid: 0,
};

function weightsOf(overrides: Partial<WeightsInput>) {
  const vector = weightVector({ ...subnet, ...overrides });
  return vector.ok ? vector.value : vector.error;
}

describe("weightVector", () => {
  it("weighs hotkeys by their points, the best at 65535", () => {
    const points = [
      { hotkey: "alice", microPoints: 769_230n },
      { hotkey: "bob", microPoints: 230_769n },
    ];
    expect(weightsOf({ points, unallocatedMicroPoints: 1n })).toEqual({
      weights: [
        { uid: 2, weight: 65_535 },
        { uid: 3, weight: 19_661 },
      ],
      unregistered: [],
    });
  });

  it("burns everything on the owner while nobody has points", () => {
    expect(weightsOf({})).toEqual({ weights: [{ uid: 0, weight: 65_535 }], unregistered: [] });
  });

  it("burns what is unallocated and what belongs to a hotkey without uid, and reports that hotkey", () => {
    const points = [
      { hotkey: "alice", microPoints: 500n },
      { hotkey: "gone", microPoints: 300n },
    ];
    expect(weightsOf({ points, unallocatedMicroPoints: 200n })).toEqual({
      weights: [
        { uid: 0, weight: 65_535 },
        { uid: 2, weight: 65_535 },
      ],
      unregistered: ["gone"],
    });
  });

  it("sends no vector at all when there is nobody to weigh", () => {
    expect(weightsOf({ ownerUid: undefined })).toBe("NO_RECIPIENT");
    expect(weightsOf({ ownerUid: undefined, points: [{ hotkey: "gone", microPoints: 1n }] })).toBe(
      "NO_RECIPIENT",
    );
  });
});

const amounts = fc
  .dictionary(fc.integer({ min: 0, max: 255 }).map(String), fc.bigInt({ min: 1n, max: 10n ** 15n }), {
    minKeys: 1,
    maxKeys: 64,
  })
  .map((entries) => new Map(Object.entries(entries).map(([uid, amount]) => [Number(uid), amount])));

describe("quantise", () => {
  it.each([
    { amounts: [1n], weights: [65_535] },
    { amounts: [1n, 2n], weights: [32_768, 65_535] },
    { amounts: [3n, 1n], weights: [65_535, 21_845] },
    { amounts: [131_070n, 1n], weights: [65_535, 1] },
    // domain.md H.2, "Shares" of four, in millionths
    { amounts: [705_716n, 211_715n, 63_514n, 19_054n], weights: [65_535, 19_661, 5_898, 1_769] },
    { amounts: [131_071n, 1n], weights: [65_535] },
  ])("$amounts to $weights", ({ amounts: list, weights }) => {
    expect(quantise(new Map(list.map((amount, uid) => [uid, amount]))).map(({ weight }) => weight)).toEqual(
      weights,
    );
  });

  it("has 65535 as its largest, keeps the order, and is off by half a step at most", () => {
    fc.assert(
      fc.property(amounts, (entries) => {
        const weights = quantise(entries);
        const maximum = [...entries.values()].reduce((left, right) => (left > right ? left : right));
        expect(Math.max(...weights.map(({ weight }) => weight))).toBe(65_535);
        for (const { uid, weight } of weights) {
          const exact = (Number(entries.get(uid)) / Number(maximum)) * 65_535;
          expect(Math.abs(exact - weight)).toBeLessThanOrEqual(0.5 + 1e-6);
        }
      }),
    );
  });
});

describe("sameWeights", () => {
  it("does not depend on order", () => {
    const [one, two] = [
      { uid: 1, weight: 5 },
      { uid: 2, weight: 6 },
    ];
    expect(sameWeights([one, two], [two, one])).toBe(true);
    expect(sameWeights([one, two], [one])).toBe(false);
    expect(sameWeights([one], [{ uid: 1, weight: 6 }])).toBe(false);
  });
});
