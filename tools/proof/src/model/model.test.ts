import { describe, expect, test } from "vitest";
import { explore, TERMINATION } from "./explore.ts";
import { exploreJobs } from "./machine.ts";
import type { PlantedFault } from "./size.ts";
import { plantedFaults, smallSizes } from "./sizes.ts";

describe("a job's way through gateway, scheduler and scorer", () => {
  test.each(smallSizes)(
    "holds in every state: $name",
    (size) => {
      const { violation, isCut, ends } = exploreJobs(size);
      expect(violation).toBeUndefined();
      expect(isCut).toBe(false);
      expect(ends).toBeGreaterThan(0);
    },
    60_000,
  );

  test.each<[PlantedFault, RegExp]>([
    ["no fence", /^fencing/],
    ["no inbox", /^double effect/],
    ["ack before commit", /^termination|^double effect or loss/],
    ["no outbox", /^termination|^outbox|^double effect or loss/],
    ["publish before commit", /^double effect/],
    ["no lease", /^termination/],
  ])(
    "finds a planted fault: %s",
    (fault, property) => {
      expect(exploreJobs(plantedFaults[fault]).violation).toBeUndefined();
      const { violation } = exploreJobs(plantedFaults[fault], fault);
      expect(violation?.property).toMatch(property);
      expect(violation?.trace.length).toBeGreaterThan(0);
    },
    60_000,
  );
});

describe("explore", () => {
  /** States are named by letters; `!` is a broken one, `.` an end. */
  const machineOf = (edges: Record<string, string>) => ({
    initial: codeOf("a"),
    steps: (state: number) =>
      (edges[String.fromCharCode(state)] ?? "").split("").map((next) => ({
        label: `to ${next}`,
        isProgress: true,
        next: codeOf(next),
      })),
    brokenBy: (state: number) => (state === codeOf("!") ? "bad" : undefined),
    isEnd: (state: number) => state === codeOf("."),
  });
  const codeOf = (name: string) => name.charCodeAt(0);

  test("counts what it sees and finds nothing where nothing is", () => {
    const found = explore(machineOf({ a: "bc", b: ".", c: "ba" }));
    expect(found).toMatchObject({ states: 4, transitions: 5, ends: 1, depth: 2, violation: undefined });
  });

  test("gives the shortest way to a violation", () => {
    const found = explore(machineOf({ a: "bc", b: "d", d: "!", c: "!" }));
    expect(found.violation).toEqual({ property: "bad", trace: ["to c", "to !"] });
  });

  test("finds a dead end and a loop without a way out", () => {
    const deadEnd = explore(machineOf({ a: "b." })).violation;
    expect(deadEnd).toEqual({ property: TERMINATION, trace: ["to b"] });
    const loop = explore(machineOf({ a: "b.", b: "c", c: "b" })).violation;
    expect(loop).toEqual({ property: TERMINATION, trace: ["to b"] });
  });

  test("keeps some hundred thousand states apart", () => {
    const count = 300_000;
    const steps = (state: number) =>
      state < count ? [1, 7].map((by) => ({ label: `plus ${by}`, isProgress: true, next: state + by })) : [];
    const isEnd = (state: number) => state >= count;
    const found = explore({ initial: 0, steps, brokenBy: () => undefined, isEnd });
    expect(found).toMatchObject({ states: count + 7, transitions: 2 * count, ends: 7, violation: undefined });
  });
});
