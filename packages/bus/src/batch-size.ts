/** Handlers of one transaction take no longer than this together, as others may wait for its locks. */
const TARGET_MS = 25;
const MAX_SIZE = 64;
const WEIGHT_OF_LATEST = 0.5;

/** How many events may share a transaction, learnt from how long their handlers take: quick ones are batched, slow ones keep a transaction each. */
export interface BatchSize {
  current(): number;
  /** Handlers alone: begin and commit cost the same for many as for one, and more on a busy server, where sharing helps most. */
  learn(events: number, milliseconds: number): void;
}

export function createBatchSize(): BatchSize {
  let msPerEvent = TARGET_MS;
  return {
    current: () => Math.max(1, Math.min(MAX_SIZE, Math.floor(TARGET_MS / msPerEvent))),
    learn: (events, milliseconds) => {
      msPerEvent += WEIGHT_OF_LATEST * (milliseconds / events - msPerEvent);
    },
  };
}
