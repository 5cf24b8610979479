import { afterEach, describe, expect, test, vi } from "vitest";
import { manualClock, systemClock } from "./clock.ts";

describe("manualClock", () => {
  test("wakes sleepers in the order of their time, each at its own moment", async () => {
    const clock = manualClock("2026-01-01T00:00:00Z");
    const woken: string[] = [];
    const sleep = async (name: string, milliseconds: number) => {
      await clock.sleep(milliseconds);
      woken.push(`${name} at ${clock.now().getSeconds()}`);
    };
    const all = [sleep("late", 3_000), sleep("early", 1_000), sleep("never", 9_000)];
    await clock.advance(5_000);
    expect(woken).toEqual(["early at 1", "late at 3"]);
    expect(clock.now()).toEqual(new Date("2026-01-01T00:00:05Z"));
    await clock.advance(5_000);
    await Promise.all(all);
  });

  test("a sleeper that sleeps again is woken again within one advance", async () => {
    const clock = manualClock();
    let ticks = 0;
    const ticking = (async () => {
      while (ticks < 10) {
        await clock.sleep(100);
        ticks++;
      }
    })();
    await clock.advance(950);
    expect(ticks).toBe(9);
    await clock.advance(50);
    await ticking;
  });
});

afterEach(() => void vi.useRealTimers());

test("what has elapsed does not depend on the time of day", () => {
  const before = systemClock.elapsedMs();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 300_000 });
  const elapsed = systemClock.elapsedMs() - before;
  expect(elapsed).toBeGreaterThanOrEqual(0);
  expect(elapsed).toBeLessThan(60_000);
});

describe.each([
  ["manualClock", manualClock()],
  ["systemClock", systemClock],
])("%s", (_name, clock) => {
  test("sleep rejects with the signal's reason", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(clock.sleep(60_000, controller.signal)).rejects.toBe(reason);
  });
});
