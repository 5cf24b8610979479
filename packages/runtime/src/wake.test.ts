import { setImmediate } from "node:timers/promises";
import { manualClock } from "@gradients/kernel";
import { expect, test } from "vitest";
import { createWake } from "./wake.ts";

const never = new AbortController().signal;

test("a ring before the wait is kept, and only one", async () => {
  const clock = manualClock(new Date(0));
  const wake = createWake(clock);
  wake.ring();
  wake.ring();
  const first = wake.wait(1_000, never).then(() => "at once");
  expect(await Promise.race([first, setImmediate("later")])).toBe("at once");
  let woken = false;
  const second = wake.wait(1_000, never).then(() => {
    woken = true;
  });
  await Promise.resolve();
  expect(woken).toBe(false);
  wake.ring();
  await second;
  expect(woken).toBe(true);
});

test("a wait ends with its time or its signal", async () => {
  const clock = manualClock(new Date(0));
  const wake = createWake(clock);
  const timed = wake.wait(1_000, never);
  await clock.advance(1_000);
  await timed;
  const abort = new AbortController();
  const cut = wake.wait(1_000, abort.signal);
  abort.abort();
  await cut;
});
