import { expect, test } from "vitest";
import { addProgress, type Curves, smooth } from "./curves.ts";

const message = (attemptId: string, points: readonly [seconds: number, loss: number][]) => ({
  attemptId,
  points: points.map(([trainSeconds, loss]) => ({ trainSeconds, loss })),
});

test("points of several messages form one curve per attempt", () => {
  let curves: Curves = new Map();
  curves = addProgress(curves, message("a", [[1, 4]]));
  curves = addProgress(curves, message("b", [[1, 5]]));
  curves = addProgress(curves, message("a", [[2, 3]]));
  expect(curves.get("a")).toEqual({ seconds: [1, 2], loss: [4, 3] });
  expect(curves.get("b")).toEqual({ seconds: [1], loss: [5] });
});

test("a retry replaces what came after its checkpoint", () => {
  let curves: Curves = new Map();
  curves = addProgress(
    curves,
    message("a", [
      [1, 4],
      [2, 3],
      [3, 2],
    ]),
  );
  curves = addProgress(curves, message("a", [[2, 3.1]]));
  expect(curves.get("a")).toEqual({ seconds: [1, 2], loss: [4, 3.1] });
});

test("evaluations and unusable points draw nothing", () => {
  const none: Curves = new Map();
  expect(addProgress(none, { ...message("a", [[1, 2]]), evaluationId: "e" })).toBe(none);
  expect(addProgress(none, { attemptId: "a", points: [{ trainSeconds: 1, loss: "NaN" }] })).toBe(none);
});

test("smoothing starts at the first value and keeps a constant", () => {
  expect(smooth([5], 0.9)[0]).toBeCloseTo(5);
  for (const value of smooth([2, 2, 2], 0.8)) expect(value).toBeCloseTo(2);
});
