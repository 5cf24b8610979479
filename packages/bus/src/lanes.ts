/** Runs tasks of one key in order and tasks of different keys side by side, `limit` of them at a time. Tasks must not throw. */
export interface Lanes {
  /** Resolves when the task has run. */
  add(key: string, task: () => Promise<void>): Promise<void>;
}

export function createLanes(limit: number): Lanes {
  const tails = new Map<string, Promise<void>>();
  const useSlot = createSlots(limit);
  return {
    add: (key, task) => {
      const tail = (tails.get(key) ?? Promise.resolve())
        .then(() => useSlot(task))
        .finally(() => {
          if (tails.get(key) === tail) tails.delete(key);
        });
      tails.set(key, tail);
      return tail;
    },
  };
}

function createSlots(limit: number): (task: () => Promise<void>) => Promise<void> {
  let free = limit;
  const waiting: (() => void)[] = [];
  const acquire = () => {
    if (free === 0) return new Promise<void>((resolve) => waiting.push(resolve));
    free--;
    return Promise.resolve();
  };
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return async (task) => {
    await acquire();
    await task().finally(release);
  };
}
