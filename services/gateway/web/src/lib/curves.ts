import type { AttemptProgressJson } from "@gradients/contracts/event";

/** Loss over training seconds of one attempt, in order of time. */
interface Curve {
  readonly seconds: number[];
  readonly loss: number[];
}

export type Curves = ReadonlyMap<string, Curve>;

/**
 * Adds the points of one progress message. A retry goes on from its checkpoint, so points at or after the new
 * message's first second are replaced: a curve never doubles back.
 */
export function addProgress(curves: Curves, progress: AttemptProgressJson): Curves {
  const points = (progress.points ?? []).filter(
    (point) => point.trainSeconds !== undefined && isNumber(point.loss),
  );
  const first = points[0];
  if (progress.attemptId === undefined || progress.evaluationId || first === undefined) return curves;
  const known = curves.get(progress.attemptId) ?? { seconds: [], loss: [] };
  const keep = countBefore(known.seconds, Number(first.trainSeconds));
  const curve = {
    seconds: [...known.seconds.slice(0, keep), ...points.map((point) => Number(point.trainSeconds))],
    loss: [...known.loss.slice(0, keep), ...points.map((point) => Number(point.loss))],
  };
  return new Map(curves).set(progress.attemptId, curve);
}

/** Exponential moving average with the given weight of the past, corrected for its start. */
export function smooth(values: readonly number[], past: number): number[] {
  let average = 0;
  return values.map((value, index) => {
    average = past * average + (1 - past) * value;
    return average / (1 - past ** (index + 1));
  });
}

function countBefore(seconds: readonly number[], limit: number): number {
  const index = seconds.findIndex((second) => second >= limit);
  return index === -1 ? seconds.length : index;
}

function isNumber(value: unknown): boolean {
  return value !== undefined && Number.isFinite(Number(value));
}
