import { create } from "@bufbuild/protobuf";
import { type ProgressPoint, ProgressPointSchema } from "@gradients/contracts/event";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  emptyCurve,
  evaluationScale,
  MAX_CURVE_POINTS,
  type ProgressBatch,
  thinProgress,
  trainingScale,
} from "./thin-progress.ts";

const point = (step: number, trainSeconds = step): ProgressPoint =>
  create(ProgressPointSchema, { step: BigInt(step), trainSeconds });
const batch = (points: readonly ProgressPoint[], changes: Partial<ProgressBatch> = {}): ProgressBatch => ({
  epoch: 0,
  phase: "training",
  sentAt: 1_000,
  points,
  ...changes,
});

const run = (batches: readonly ProgressBatch[], budgetSeconds: number) => {
  let state = emptyCurve;
  const kept: ProgressPoint[] = [];
  for (const next of batches) {
    const thinned = thinProgress(state, next, trainingScale(budgetSeconds));
    state = thinned.state;
    kept.push(...thinned.kept);
  }
  return { state, kept };
};

test("a short curve is kept whole", () => {
  const points = Array.from({ length: 100 }, (_, index) => point(index + 1, (index + 1) / 2));
  expect(run([batch(points.slice(0, 40)), batch(points.slice(40))], 60).kept).toEqual(points);
});

test("however long and uneven it is, a curve stays bounded, in order and without large holes", () => {
  const steps = fc.array(fc.double({ min: 0.001, max: 0.5, noNaN: true }), {
    minLength: 1,
    maxLength: 4_000,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 5, max: 600 }), (durations, budget) => {
      let time = 0;
      const points = durations.map((duration, index) => point(index + 1, (time += duration)));
      const within = points.filter(({ trainSeconds }) => trainSeconds <= budget);
      const { kept } = run([batch(within)], budget);
      expect(kept.length).toBeLessThanOrEqual(MAX_CURVE_POINTS);
      const places = kept.map(({ trainSeconds }) => trainSeconds);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const [index, place] of places.slice(1).entries())
        expect(place - (places[index] ?? 0)).toBeLessThan(budget / 1_500 + 0.5 + 1e-9);
    }),
    { numRuns: 50 },
  );
});

test("batches that come again, or late, add nothing", () => {
  const batches = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(batches, fc.nat(), (sizes, replayFrom) => {
      let step = 0;
      const sent = sizes.map((size, index) =>
        batch(
          Array.from({ length: size }, () => point(++step)),
          { sentAt: 1_000 + index },
        ),
      );
      const once = run(sent, 100);
      const replayed = run([...sent, ...sent.slice(replayFrom % sent.length)], 100);
      expect(replayed).toEqual(once);
    }),
  );
});

test("a new placement goes on from its checkpoint; news of the old one is dropped", () => {
  const first = thinProgress(emptyCurve, batch([point(1), point(2), point(3)]), trainingScale(60));
  const retry = thinProgress(
    first.state,
    batch([point(2), point(3), point(4)], { epoch: 1 }),
    trainingScale(60),
  );
  expect(retry.kept.map(({ step }) => step)).toEqual([2n, 3n, 4n]);
  expect(thinProgress(retry.state, batch([point(9)]), trainingScale(60))).toMatchObject({
    kept: [],
    isNews: false,
  });
});

test("a change of phase is news without a point; the same phase again is not", () => {
  const loading = thinProgress(emptyCurve, batch([], { phase: "loading" }), trainingScale(60));
  expect(loading.isNews).toBe(true);
  expect(
    thinProgress(loading.state, batch([], { phase: "loading", sentAt: 2_000 }), trainingScale(60)).isNews,
  ).toBe(false);
  expect(
    thinProgress(loading.state, batch([], { phase: "training", sentAt: 2_000 }), trainingScale(60)).isNews,
  ).toBe(true);
});

test("the newest figures are told even when the point is not kept", () => {
  const { kept, latest } = thinProgress(
    emptyCurve,
    batch([point(1, 0.001), point(2, 0.002)]),
    trainingScale(600),
  );
  expect(kept.map(({ step }) => step)).toEqual([1n]);
  expect(latest?.step).toBe(2n);
});

test("an evaluation is measured by its rows", () => {
  const rows = Array.from({ length: 1_000 }, (_, index) => point(index + 1, 0));
  const { kept } = thinProgress(emptyCurve, batch(rows), evaluationScale(1_000n));
  expect(kept.length).toBeGreaterThanOrEqual(50);
  expect(kept.length).toBeLessThanOrEqual(51);
});
