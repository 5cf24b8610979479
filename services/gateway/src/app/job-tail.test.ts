import { create } from "@bufbuild/protobuf";
import { type WatchJobResponse, WatchJobResponseSchema } from "@gradients/contracts/gateway";
import { manualClock } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { expect, test, vi } from "vitest";
import { JobTail } from "./job-tail.ts";

const logger = createLogger({ service: "test", level: "silent" });
const never = new AbortController().signal;

/** A log that grows, and how often it was read. */
function growingLog() {
  const entries: WatchJobResponse[] = [];
  const reads: bigint[] = [];
  const tail = new JobTail(async (after) => {
    reads.push(after);
    return entries.filter(({ offset }) => offset > after).slice(0, 250);
  }, logger);
  const grow = (count: number) => {
    for (let added = 0; added < count; added++) {
      entries.push(create(WatchJobResponseSchema, { offset: BigInt(entries.length) + 1n }));
    }
    tail.advance(BigInt(entries.length));
  };
  return { tail, grow, reads };
}

const offsets = (events: readonly WatchJobResponse[] | undefined) =>
  events?.map(({ offset }) => Number(offset));

test("before a watcher has come to the end of the log nothing is known of it", () => {
  const { tail, grow, reads } = growingLog();
  grow(3);
  expect(tail.after(0n)).toBeUndefined();
  expect(reads).toEqual([]);
});

test("new entries are read once for everybody, in order and without gap", async () => {
  const { tail, grow, reads } = growingLog();
  grow(3);
  tail.startAt(3n);
  grow(2);
  await vi.waitFor(() => expect(offsets(tail.after(3n))).toEqual([4, 5]));
  grow(600);
  await vi.waitFor(() => expect(offsets(tail.after(600n))).toEqual([601, 602, 603, 604, 605]));
  expect(new Set(reads).size).toBe(reads.length);
});

test("a watcher that is further behind than what is kept is sent back to the log", async () => {
  const { tail, grow } = growingLog();
  tail.startAt(0n);
  grow(700);
  await vi.waitFor(() => expect(offsets(tail.after(699n))).toEqual([700]));
  expect(tail.after(199n)).toBeUndefined();
  expect(offsets(tail.after(200n))).toHaveLength(500);
  expect(offsets(tail.after(200n))?.[0]).toBe(201);
});

test("a watcher waits for the next entry, or for as long as it wants to", async () => {
  const { tail, grow } = growingLog();
  const clock = manualClock();
  tail.startAt(0n);
  const woken = tail.changed(0n, 15_000, clock, never);
  grow(1);
  expect(await woken).toBe(true);
  expect(await tail.changed(0n, 15_000, clock, never)).toBe(true);
  const idle = tail.changed(1n, 15_000, clock, never);
  await clock.advance(15_000);
  expect(await idle).toBe(false);
});

test("waiting ends with the signal's reason", async () => {
  const { tail } = growingLog();
  const stop = new AbortController();
  tail.startAt(0n);
  const waiting = tail.changed(0n, 15_000, manualClock(), stop.signal);
  stop.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
});
