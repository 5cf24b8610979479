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
  const machineOf = (edges: Record<string, readonly string[]>, ends: readonly string[]) => ({
    initial: "a",
    read: (text: string) => text,
    steps: (state: string) =>
      (edges[state] ?? []).map((next) => ({ label: `to ${next}`, isProgress: true, next })),
    brokenBy: (state: string) => (state === "bad" ? "bad" : undefined),
    isEnd: (state: string) => ends.includes(state),
  });

  test("counts what it sees and finds nothing where nothing is", () => {
    const found = explore(machineOf({ a: ["b", "c"], b: ["end"], c: ["b", "a"] }, ["end"]));
    expect(found).toMatchObject({ states: 4, transitions: 5, ends: 1, depth: 2, violation: undefined });
  });

  test("gives the shortest way to a violation", () => {
    const found = explore(machineOf({ a: ["b", "c"], b: ["d"], d: ["bad"], c: ["bad"] }, []));
    expect(found.violation).toEqual({ property: "bad", trace: ["to c", "to bad"], state: "bad" });
  });

  test("finds a dead end and a loop without a way out", () => {
    expect(explore(machineOf({ a: ["b", "end"] }, ["end"])).violation).toMatchObject({
      property: TERMINATION,
      trace: ["to b"],
    });
    const loop = machineOf({ a: ["b", "end"], b: ["c"], c: ["b"] }, ["end"]);
    expect(explore(loop).violation).toMatchObject({ property: TERMINATION, state: "b" });
  });
});
