import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { proportionToU16, type YumaInput, yuma } from "./yuma.ts";

const SUM = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Owner at uid 0, one validator at uid 1, miners from uid 2. */
function subnet(overrides: Partial<YumaInput> = {}): YumaInput {
  return {
    block: 100,
    tempo: 20,
    activityCutoff: 5000,
    kappa: 32_767 / 65_535,
    bondsAlpha: 0.1,
    ownerUid: 0,
    stakes: [0, 1000, 0, 0],
    stakeThreshold: 1,
    maxValidators: 64,
    permits: [false, true, false, false],
    lastUpdate: [0, 90, 0, 0],
    registeredAt: [0, 0, 0, 0],
    weights: [
      [],
      [
        [2, 65_535],
        [3, 32_768],
      ],
      [],
      [],
    ],
    bonds: [[], [], [], []],
    ...overrides,
  };
}

describe("yuma", () => {
  it("pays miners in the ratio of the validator's weights, and the validator as much as all miners", () => {
    const { incentive, serverShare, validatorShare, permits } = yuma(subnet());
    expect(incentive.map(proportionToU16)).toEqual([0, 0, 43_689, 21_845]);
    expect(SUM(serverShare)).toBeCloseTo(0.5, 12);
    expect(validatorShare).toEqual([0, 0.5, 0, 0]);
    expect(permits).toEqual([false, true, false, false]);
  });

  it("agrees with the chain's own emission for 11 blocks of 65535:32768 (chain.md 4.3) within 2e-9", () => {
    const { serverShare } = yuma(subnet());
    const ownerCut = 179_995_422;
    const total = 11 * (1e9 - ownerCut);
    const measured = [3_006_668_155, 1_503_357_016];
    measured.forEach((emission, index) =>
      expect(Math.abs(total * (serverShare[index + 2] ?? 0) - emission)).toBeLessThan(total * 2e-9),
    );
  });

  it("gives everything to validators while nobody has set weights", () => {
    const { serverShare, validatorShare } = yuma(subnet({ weights: [[], [], [], []] }));
    expect(serverShare).toEqual([0, 0, 0, 0]);
    expect(validatorShare).toEqual([0, 1, 0, 0]);
  });

  it("ignores weights of a validator without permit, on itself, and on a uid registered after they were set", () => {
    expect(SUM(yuma(subnet({ permits: [false, false, false, false] })).incentive)).toBe(0);
    expect(SUM(yuma(subnet({ weights: [[], [[1, 65_535]], [], []] })).incentive)).toBe(0);
    expect(yuma(subnet({ registeredAt: [0, 0, 95, 0] })).incentive).toEqual([0, 0, 0, 1]);
  });

  it("lets the owner weigh itself", () => {
    const owner = subnet({
      stakes: [1000, 0, 0, 0],
      permits: [true, false, false, false],
      lastUpdate: [90, 0, 0, 0],
      weights: [[[0, 65_535]], [], [], []],
    });
    expect(yuma(owner).incentive).toEqual([1, 0, 0, 0]);
  });

  it("clips what a minority of stake claims to what the majority supports", () => {
    const twoValidators = subnet({
      stakes: [600, 400, 0, 0],
      permits: [true, true, false, false],
      lastUpdate: [90, 90, 0, 0],
      weights: [[[2, 65_535]], [[3, 65_535]], [], []],
    });
    const { consensus, incentive, validatorTrust } = yuma(twoValidators);
    expect(consensus).toEqual([0, 0, 1, 0]);
    expect(incentive).toEqual([0, 0, 1, 0]);
    expect(validatorTrust).toEqual([1, 0, 0, 0]);
  });

  it("moves bonds by a tenth towards the new weights", () => {
    const weights = [[[2, 65_535]], [[3, 65_535]], [], []] as const;
    const base = subnet({
      stakes: [500, 500, 0, 0],
      permits: [true, true, false, false],
      lastUpdate: [90, 90, 0, 0],
      weights,
      kappa: 0,
    });
    const first = yuma(base);
    expect(first.bonds.slice(0, 2)).toEqual([[[2, 65_535]], [[3, 65_535]]]);
    const swapped = yuma({ ...base, bonds: first.bonds, weights: [[[3, 65_535]], [[2, 65_535]], [], []] });
    const upscaled = proportionToU16(0.1 / 0.9);
    expect(swapped.bonds.slice(0, 2)).toEqual([
      [
        [2, 65_535],
        [3, upscaled],
      ],
      [
        [2, upscaled],
        [3, 65_535],
      ],
    ]);
  });

  it("never shares out more or less than the whole emission", () => {
    const row = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 65_535 })), {
      maxLength: 4,
    });
    const inputs = fc.record({
      weights: fc.tuple(row, row, row, row),
      stakes: fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 1, max: 10_000 }))),
    });
    fc.assert(
      fc.property(inputs, ({ weights, stakes }) => {
        const output = yuma(
          subnet({ weights, stakes, permits: [true, true, true, true], lastUpdate: [90, 90, 90, 90] }),
        );
        expect(SUM(output.serverShare) + SUM(output.validatorShare)).toBeCloseTo(1, 9);
      }),
    );
  });
});
