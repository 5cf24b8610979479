/** Runs tasks of one key in order and tasks of different keys side by side, `limit` of them at a time. Tasks must not throw. */
export interface Lanes {
  add(key: string, task: () => Promise<void>): void;
  /** Resolves when everything added so far has run. */
  idle(): Promise<void>;
}

export function createLanes(limit: number): Lanes {
  const tails = new Map<string, Promise<void>>();
  const slots = createSlots(limit);

  return {
    add: (key, task) => {
      const tail = (tails.get(key) ?? Promise.resolve()).then(() => slots.use(task));
      tails.set(key, tail);
      void tail.finally(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
    },
    idle: async () => {
      await Promise.all(tails.values());
    },
  };
}

function createSlots(limit: number) {
  let free = limit;
  const waiting: (() => void)[] = [];
  const acquire = () =>
    free > 0 ? Promise.resolve(void free--) : new Promise<void>((resolve) => waiting.push(resolve));
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return {
    use: async (task: () => Promise<void>) => {
      await acquire();
      await task().finally(release);
    },
  };
}
