import { manualClock } from "@gradients/kernel";
import fc from "fast-check";
import { expect, test } from "vitest";
import { WorkQueue } from "./work-queue.ts";

function queueOf(handle: (key: string) => Promise<void>, workers = 2) {
  const clock = manualClock();
  const errors: string[] = [];
  const stop = new AbortController();
  const queue = new WorkQueue({
    workers,
    clock,
    backoff: { initialMs: 100, maxMs: 1_000, random: () => 1 },
    handle,
    onError: (key) => errors.push(`${key}@${clock.now().getTime()}`),
  });
  return { clock, errors, queue, stop, run: queue.run(stop.signal) };
}

test("a key that waits is handled once, one that is added while it is handled once more", async () => {
  const calls: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { clock, queue, stop, run } = queueOf(async (key) => {
    calls.push(key);
    if (calls.length === 1) await gate.promise;
  }, 1);
  for (const key of ["a", "b", "b", "a", "b"]) queue.add(key);
  await clock.advance(0);
  expect(calls).toEqual(["a"]);
  gate.resolve();
  await clock.advance(0);
  expect(calls).toEqual(["a", "b", "a"]);
  stop.abort();
  await run;
});

test("a key that fails comes back after pauses that grow, whoever adds it meanwhile, and holds up no other", async () => {
  let failures = 3;
  const calls: string[] = [];
  const { clock, errors, queue, stop, run } = queueOf(async (key) => {
    calls.push(key);
    if (key === "bad" && failures-- > 0) throw new Error("no");
  }, 1);
  queue.add("bad");
  await clock.advance(50);
  queue.add("bad");
  queue.add("good");
  await clock.advance(2_000);
  expect(errors).toEqual(["bad@0", "bad@100", "bad@300"]);
  expect(calls).toEqual(["bad", "good", "bad", "bad", "bad"]);
  stop.abort();
  await run;
});

test("stopping waits for what was begun and begins nothing more", async () => {
  const gate = Promise.withResolvers<void>();
  const calls: string[] = [];
  const { queue, stop, run } = queueOf(async (key) => {
    calls.push(key);
    await gate.promise;
  }, 1);
  queue.add("a");
  queue.add("b");
  stop.abort();
  let ended = false;
  void run.then(() => {
    ended = true;
  });
  await Promise.resolve();
  expect(ended).toBe(false);
  gate.resolve();
  await run;
  expect(calls).toEqual(["a"]);
});

test("never handles a key twice at a time nor more than its workers, and handles each after its last addition", async () => {
  const steps = fc.array(fc.record({ key: fc.constantFrom("a", "b", "c", "d"), pause: fc.nat(3) }), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (history, workers) => {
      const active = new Set<string>();
      const due = new Set<string>();
      const { clock, queue, stop, run } = queueOf(async (key) => {
        expect(active.has(key)).toBe(false);
        due.delete(key);
        active.add(key);
        expect(active.size).toBeLessThanOrEqual(workers);
        await clock.sleep(2);
        active.delete(key);
      }, workers);
      for (const { key, pause } of history) {
        due.add(key);
        queue.add(key);
        await clock.advance(pause);
      }
      await clock.advance(200);
      expect([...due]).toEqual([]);
      stop.abort();
      await run;
    }),
    { numRuns: 100 },
  );
});
