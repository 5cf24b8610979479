import type { ProgressPoint } from "@gradients/contracts/event";

/** What is remembered of a curve, so that each batch can be thinned without reading the earlier ones. */
export interface CurveState {
  readonly epoch: number;
  readonly phase: string;
  /** Unix milliseconds of the newest batch. */
  readonly sentAt: number;
  readonly lastStep: bigint;
  /** Position of the newest kept point, in the curve's own measure. */
  readonly lastKept: number;
  readonly keptPoints: number;
}

export interface ProgressBatch {
  readonly epoch: number;
  readonly phase: string;
  /** Unix milliseconds. */
  readonly sentAt: number;
  readonly points: readonly ProgressPoint[];
}

/** How a curve is measured: training by its seconds, an evaluation by its rows. */
export interface CurveScale {
  positionOf(point: ProgressPoint): number;
  /** Kept points lie at least this far apart. */
  readonly gap: number;
}

export interface ThinnedBatch {
  readonly state: CurveState;
  readonly kept: readonly ProgressPoint[];
  /** Newest point of the batch, kept or not. */
  readonly latest: ProgressPoint | undefined;
  /** False for a batch that tells nothing new and is not stored. */
  readonly isNews: boolean;
}

export const MAX_CURVE_POINTS = 2_000;
const TRAINING_POINTS = 1_500;
const EVALUATION_POINTS = 50;

export const emptyCurve: CurveState = {
  epoch: 0,
  phase: "",
  sentAt: 0,
  lastStep: -1n,
  lastKept: Number.NEGATIVE_INFINITY,
  keptPoints: 0,
};

/** The budget bounds the training time, so equal gaps in time bound the number of points. */
export function trainingScale(budgetSeconds: number): CurveScale {
  return { positionOf: ({ trainSeconds }) => trainSeconds, gap: budgetSeconds / TRAINING_POINTS };
}

export function evaluationScale(totalSteps: bigint): CurveScale {
  return { positionOf: ({ step }) => Number(step), gap: Number(totalSteps) / EVALUATION_POINTS };
}

/**
 * Keeps an even selection of a curve's points, never more than MAX_CURVE_POINTS. Points that were seen before, older batches and batches of an older
 * placement are dropped, so a batch may be delivered twice. A new placement goes on from a checkpoint: its first points may repeat steps.
 */
export function thinProgress(state: CurveState, batch: ProgressBatch, scale: CurveScale): ThinnedBatch {
  if (batch.epoch < state.epoch || batch.sentAt < state.sentAt)
    return { state, kept: [], latest: undefined, isNews: false };
  const start =
    batch.epoch > state.epoch
      ? { ...state, epoch: batch.epoch, lastStep: -1n, lastKept: Number.NEGATIVE_INFINITY }
      : state;
  const fresh = batch.points.filter(({ step }) => step > start.lastStep);
  const { kept, lastKept } = selectPoints(fresh, start, scale);
  const latest = fresh.at(-1);
  return {
    state: {
      epoch: batch.epoch,
      phase: batch.phase,
      sentAt: batch.sentAt,
      lastStep: latest?.step ?? start.lastStep,
      lastKept,
      keptPoints: state.keptPoints + kept.length,
    },
    kept,
    latest,
    isNews: kept.length > 0 || batch.phase !== state.phase || batch.epoch > state.epoch,
  };
}

function selectPoints(
  points: readonly ProgressPoint[],
  { lastKept, keptPoints }: CurveState,
  { positionOf, gap }: CurveScale,
) {
  const kept: ProgressPoint[] = [];
  let last = lastKept;
  for (const point of points) {
    const position = positionOf(point);
    if (position - last < gap || keptPoints + kept.length >= MAX_CURVE_POINTS) continue;
    kept.push(point);
    last = position;
  }
  return { kept, lastKept: last };
}
