/** Handlers that take no longer than this together gain nothing from running side by side, and transactions cost more than they do. */
const QUICK_MS = 2;
/** Handlers of one transaction take no longer than this together, as others may wait for its locks. */
const TARGET_MS = 25;
const MAX_SIZE = 64;
const WEIGHT_OF_LATEST = 0.5;

/** How many events may share a transaction, learnt from how long their handlers take: quick ones are batched, slow ones keep a transaction each. */
export interface BatchSize {
  current(): number;
  /** How many share one even while there are places free. */
  least(): number;
  /** Handlers alone: begin and commit cost the same for many as for one, and more on a busy server, where sharing helps most. */
  learn(events: number, milliseconds: number): void;
}

export function createBatchSize(): BatchSize {
  let msPerEvent = TARGET_MS;
  const within = (milliseconds: number) =>
    Math.max(1, Math.min(MAX_SIZE, Math.floor(milliseconds / msPerEvent)));
  return {
    current: () => within(TARGET_MS),
    least: () => within(QUICK_MS),
    learn: (events, milliseconds) => {
      msPerEvent += WEIGHT_OF_LATEST * (milliseconds / events - msPerEvent);
    },
  };
}
