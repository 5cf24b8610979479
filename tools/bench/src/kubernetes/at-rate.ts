import { setTimeout as sleep } from "node:timers/promises";

/** Begins with each in turn, so many a second, however long they take; when all have ended, when each was begun by performance.now(). */
export async function atRate<T>(
  items: readonly T[],
  perSecond: number,
  act: (item: T) => Promise<void>,
): Promise<ReadonlyMap<T, number>> {
  const sentAt = new Map<T, number>();
  const startedAt = performance.now();
  const sent: Promise<void>[] = [];
  for (const [index, item] of items.entries()) {
    const wait = startedAt + (index * 1000) / perSecond - performance.now();
    if (wait > 1) await sleep(wait);
    sentAt.set(item, performance.now());
    sent.push(act(item));
  }
  await Promise.all(sent);
  return sentAt;
}
