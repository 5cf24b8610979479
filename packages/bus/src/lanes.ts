/** Takes items with a key: those of one key are run in order, those of different keys side by side. */
export interface Lanes<T> {
  /** Resolves when the item has run. */
  add(key: string, item: T): Promise<void>;
}

export interface BatchOptions<T> {
  /** Batches that run at a time. */
  readonly limit: number;
  /** Items in a batch at most; asked anew for each. */
  readonly maxSize: () => number;
  /** Items that share a batch even while there are places free; 1 if absent. */
  readonly leastSize?: () => number;
  /** Runs items in their order. A key is in one running batch at most. Must not throw. */
  readonly run: (items: readonly T[]) => Promise<void>;
}

/** Tasks one by one, `limit` of them at a time. Tasks must not throw. */
export function createLanes(limit: number): Lanes<() => Promise<void>> {
  return createBatchLanes({
    limit,
    maxSize: () => 1,
    run: async (tasks) => {
      for (const task of tasks) await task();
    },
  });
}

/** Items are spread over the free places first, and share a batch when there are more of them or sharing costs nothing: what comes alone waits for nobody. */
export function createBatchLanes<T>({ limit, maxSize, leastSize = () => 1, run }: BatchOptions<T>): Lanes<T> {
  let waiting: Waiting<T>[] = [];
  const busy = new Set<string>();
  let running = 0;
  let isScheduled = false;

  const fill = () => {
    isScheduled = false;
    while (running < limit) {
      const share = Math.ceil(waiting.length / (limit - running));
      const size = Math.min(maxSize(), Math.max(leastSize(), share));
      const batch = take(size);
      if (batch.length === 0) return;
      void runBatch(batch);
    }
  };
  const take = (size: number) => {
    const batch: Waiting<T>[] = [];
    const rest: Waiting<T>[] = [];
    for (const entry of waiting) {
      if (batch.length < size && !busy.has(entry.key)) batch.push(entry);
      else rest.push(entry);
    }
    waiting = rest;
    return batch;
  };
  const runBatch = async (batch: readonly Waiting<T>[]) => {
    running++;
    for (const { key } of batch) busy.add(key);
    await run(batch.map(({ item }) => item));
    for (const { key } of batch) busy.delete(key);
    running--;
    for (const { done } of batch) done();
    fill();
  };
  return {
    add: (key, item) =>
      new Promise((done) => {
        waiting.push({ key, item, done });
        if (isScheduled) return;
        isScheduled = true;
        queueMicrotask(fill); // after all that arrived in one piece
      }),
  };
}

interface Waiting<T> {
  readonly key: string;
  readonly item: T;
  readonly done: () => void;
}
