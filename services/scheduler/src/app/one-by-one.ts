import type { Deps } from "../deps.ts";

/** Acts on each item in turn. One that cannot be dealt with is logged and does not hold up the others: its turn comes again with the next pass. */
export async function oneByOne<T>(
  { observe }: Pick<Deps, "observe">,
  what: string,
  items: readonly T[],
  idOf: (item: T) => string,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  for (const item of items) {
    try {
      await act(item);
    } catch (error) {
      observe.stepFailed(what, idOf(item), error);
    }
  }
}
