import { describe, expect, test } from "vitest";
import { type SimulatedFault, simulate } from "./simulate.ts";

const SEED = process.env["GRADIENTS_SEED"] ?? String(Date.now() % 1_000_000);

describe("the pure core in a random world with a virtual clock", () => {
  test(`keeps its properties for two hours, seed ${SEED}`, { timeout: 60_000 }, () => {
    const { hours, violation, jobs, weights, faults } = simulate({ seed: SEED, hours: 2 });
    expect(violation).toBeUndefined();
    expect(hours).toBe(2);
    expect(jobs.succeeded).toBeGreaterThan(20);
    expect(weights.finalized).toBeGreaterThan(5);
    expect(faults).toBeGreaterThan(100);
  });

  test("takes the same course for the same seed, and another for another", { timeout: 60_000 }, () => {
    const [first, again, other] = ["a", "a", "b"].map((seed) => simulate({ seed, hours: 0.5 }));
    expect(again).toEqual(first);
    expect(other?.trace).not.toBe(first?.trace);
  });

  test.each<[SimulatedFault, RegExp]>([
    ["no fence", /^fencing/],
    ["no inbox", /^double effect/],
    ["ack before commit", /^termination|^legality|^double effect or loss/],
    ["no outbox", /^termination|^legality|^outbox|^double effect or loss/],
    ["publish before commit", /^double effect/],
    ["no lease", /^termination: an attempt outlives its lease/],
    ["success at submission", /^finality/],
    ["failure at any refusal", /^finality/],
  ])(
    "finds a planted fault, and finds it again by its seed: %s",
    { timeout: 60_000 },
    (planted, property) => {
      const options = { seed: "1", hours: 6, planted };
      const found = simulate(options);
      expect(found.violation?.property).toMatch(property);
      expect(found.violation?.steps.length).toBeGreaterThan(0);
      expect(simulate(options)).toEqual(found);
    },
  );
});
