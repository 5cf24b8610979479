import fc from "fast-check";
import { expect, test } from "vitest";
import { createBatchLanes, createLanes } from "./lanes.ts";

test("each key keeps its order and runs one at a time, and no more than the limit run at once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      async (scheduler, keys, limit) => {
        const lanes = createLanes(limit);
        const started: Record<string, number[]> = {};
        const busy = new Set<string>();
        let running = 0;
        let most = 0;
        let overlaps = 0;
        const all = Promise.all(
          keys.map((key, index) =>
            lanes.add(key, async () => {
              (started[key] ??= []).push(index);
              if (busy.has(key)) overlaps++;
              busy.add(key);
              most = Math.max(most, ++running);
              await scheduler.schedule(Promise.resolve());
              busy.delete(key);
              running--;
            }),
          ),
        );
        await scheduler.waitFor(all);
        expect(most).toBeLessThanOrEqual(limit);
        expect(overlaps).toBe(0);
        for (const indices of Object.values(started))
          expect(indices).toEqual(indices.toSorted((x, y) => x - y));
        expect(Object.values(started).flat().length).toBe(keys.length);
      },
    ),
  );
});

test("different keys do run side by side", async () => {
  const lanes = createLanes(2);
  const both = Promise.withResolvers<void>();
  await Promise.all([lanes.add("a", () => both.promise), lanes.add("b", async () => both.resolve())]);
});

test.each([
  { leastSize: 1, sizes: [3, 3, 3, 3] },
  { leastSize: 5, sizes: [5, 5, 2] },
])(
  "what comes at once is spread over the free places, in batches of at least $leastSize",
  async ({ leastSize, sizes }) => {
    const seen: number[] = [];
    const lanes = createBatchLanes<number>({
      limit: 4,
      maxSize: () => 64,
      leastSize: () => leastSize,
      run: async (items) => void seen.push(items.length),
    });
    await Promise.all(Array.from({ length: 12 }, (_, index) => lanes.add(String(index), index)));
    expect(seen).toEqual(sizes);
  },
);
