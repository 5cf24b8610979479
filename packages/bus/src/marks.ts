/** Notes which events of the outbox are on the bus, many with one statement. */
export interface Marks {
  /** Resolves when these are noted; rejects when they may not be. */
  add(ids: readonly bigint[]): Promise<void>;
}

/** At a thousand events a second, a statement for each would cost more than all else that the relay does for it. */
const LINGER_MS = 10;
const FULL = 500;

/** One statement at a time: after LINGER_MS, or when there are enough, and then with all that have gathered meanwhile. */
export function createMarks(mark: (ids: readonly bigint[]) => Promise<void>): Marks {
  let gathering: Group | undefined;
  let before = Promise.resolve();
  const begin = (): Group => {
    const due = Promise.withResolvers<void>();
    const timer = setTimeout(due.resolve, LINGER_MS);
    const ids: bigint[] = [];
    const done = Promise.all([due.promise, before]).then(() => {
      clearTimeout(timer);
      gathering = undefined;
      return mark(ids);
    });
    before = done.catch(() => {}); // told to those who wait for it
    return { ids, done, hurry: due.resolve };
  };
  return {
    add: (ids) => {
      if (ids.length === 0) return Promise.resolve();
      gathering ??= begin();
      gathering.ids.push(...ids);
      if (gathering.ids.length >= FULL) gathering.hurry();
      return gathering.done;
    },
  };
}

interface Group {
  readonly ids: bigint[];
  readonly done: Promise<void>;
  readonly hurry: () => void;
}
