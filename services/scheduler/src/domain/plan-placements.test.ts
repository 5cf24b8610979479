import type { AttemptId, JobId } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planPlacements, type QueuedAttempt } from "./plan-placements.ts";

function attempt(id: string, jobId: string, options: Partial<QueuedAttempt> = {}): QueuedAttempt {
  return {
    attemptId: id as AttemptId,
    jobId: jobId as JobId,
    hardwareClass: "cpu",
    inGang: true,
    queuedSince: new Date(0),
    ...options,
  };
}

function plan(queue: readonly QueuedAttempt[], slots: number, busy = 0) {
  return planPlacements(queue, [{ name: "cpu", slots, busy }]);
}

describe("planPlacements", () => {
  test("starts all attempts of a race together or none", () => {
    const race = [attempt("a1", "a"), attempt("a2", "a"), attempt("a3", "a")];
    expect(plan(race, 3).place).toEqual(["a1", "a2", "a3"]);
    expect(plan(race, 3, 1)).toEqual({ place: [], impossible: [] });
  });

  test("lets nothing overtake a race that waits for its slots", () => {
    const older = [attempt("a1", "a"), attempt("a2", "a")];
    const younger = attempt("b1", "b", { queuedSince: new Date(5), inGang: false });
    expect(plan([younger, ...older], 2, 1).place).toEqual([]);
  });

  test("places a retry of an older job before a younger race", () => {
    const retry = attempt("a1", "a", { inGang: false });
    const race = [
      attempt("b1", "b", { queuedSince: new Date(5) }),
      attempt("b2", "b", { queuedSince: new Date(5) }),
    ];
    expect(plan([...race, retry], 3).place).toEqual(["a1", "b1", "b2"]);
    expect(plan([...race, retry], 2).place).toEqual(["a1"]);
  });

  test("names what can never be placed and does not wait for it", () => {
    const race = [attempt("a1", "a"), attempt("a2", "a")];
    const lost = attempt("c1", "c", { hardwareClass: "gone" });
    const next = attempt("b1", "b", { queuedSince: new Date(5) });
    expect(plan([...race, lost, next], 1)).toEqual({ place: ["b1"], impossible: ["a1", "a2", "c1"] });
  });

  test("never exceeds the slots, splits no race and leaves no room unused that the first in line could use", () => {
    const sizes = fc.array(fc.record({ size: fc.integer({ min: 1, max: 5 }), at: fc.nat(50) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 8 }), fc.nat(8), (races, slots, busy) => {
        const queue = races.flatMap(({ size, at }, job) =>
          Array.from({ length: size }, (_, n) =>
            attempt(`${job}-${n}`, `${job}`, { queuedSince: new Date(at) }),
          ),
        );
        const { place, impossible } = plan(queue, slots, busy);
        expect(place.length).toBeLessThanOrEqual(Math.max(0, slots - busy));
        for (const [job, { size }] of races.entries()) {
          const placed = place.filter((id) => id.startsWith(`${job}-`)).length;
          expect([0, size]).toContain(placed);
          expect(impossible.some((id) => id.startsWith(`${job}-`))).toBe(size > slots);
        }
        const waiting = races.filter(
          ({ size }, job) => size <= slots && !place.includes(`${job}-0` as AttemptId),
        );
        const first = waiting.toSorted((a, b) => a.at - b.at)[0];
        const ties = waiting.filter(({ at }) => at === first?.at);
        if (first)
          expect(Math.max(...ties.map(({ size }) => size))).toBeGreaterThan(slots - busy - place.length);
      }),
    );
  });
});
