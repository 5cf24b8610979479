import { manualClock } from "@gradients/kernel";
import { describe, expect, test } from "vitest";
import { backoffDelays, withBackoff } from "./backoff.ts";
import { createLogger } from "./logger.ts";

describe("backoffDelays", () => {
  test("double up to the limit and lie in the upper half of it", () => {
    const take = (random: () => number) => {
      const delays = backoffDelays({ initialMs: 100, maxMs: 1_000, random });
      return Array.from({ length: 6 }, () => delays.next().value);
    };
    expect(take(() => 0)).toEqual([50, 100, 200, 400, 500, 500]);
    expect(take(() => 1)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });
});

describe("withBackoff", () => {
  test("returns the first success, and logs louder the longer it waits", async () => {
    const clock = manualClock();
    const { logger, lines } = recordingLogger();
    let calls = 0;
    const trying = withBackoff(
      { what: "connect", logger, clock, random: () => 1, initialMs: 400, maxMs: 16_000 },
      async () => {
        calls++;
        if (calls < 8) throw new Error("refused");
        return "up";
      },
    );
    await clock.advance(60_000);
    await expect(trying).resolves.toBe("up");
    expect(lines.map(({ delay_ms, level }) => [delay_ms, level])).toEqual([
      [400, "debug"],
      [800, "info"],
      [1_600, "info"],
      [3_200, "warn"],
      [6_400, "warn"],
      [12_800, "error"],
      [16_000, "error"],
    ]);
  });

  test("gives up after the last attempt and at once on what is not to be retried", async () => {
    const clock = manualClock();
    const { logger } = recordingLogger();
    let calls = 0;
    const failing = async () => {
      calls++;
      throw new Error(`failure ${calls}`);
    };
    const limited = withBackoff({ what: "x", logger, clock, maxAttempts: 3 }, failing);
    const outcome = expect(limited).rejects.toThrow("failure 3");
    await clock.advance(60_000);
    await outcome;
    await expect(
      withBackoff({ what: "x", logger, clock, isRetryable: () => false }, failing),
    ).rejects.toThrow("failure 4");
  });

  test("starts its delays anew after a try that lasted", async () => {
    const clock = manualClock();
    const { logger, lines } = recordingLogger();
    const stop = new AbortController();
    let calls = 0;
    const running = withBackoff(
      {
        what: "x",
        logger,
        clock,
        signal: stop.signal,
        random: () => 1,
        initialMs: 100,
        resetAfterMs: 10_000,
      },
      async () => {
        calls++;
        if (calls === 4) await clock.sleep(10_000);
        throw new Error("lost");
      },
    );
    const outcome = expect(running).rejects.toThrow("stop");
    await clock.advance(11_000);
    stop.abort(new Error("stop"));
    await outcome;
    expect(lines.slice(0, 5).map(({ delay_ms }) => delay_ms)).toEqual([100, 200, 400, 100, 200]);
  });

  test("stops waiting when the signal aborts", async () => {
    const { logger } = recordingLogger();
    const stop = new AbortController();
    const waiting = withBackoff({ what: "x", logger, signal: stop.signal, initialMs: 60_000 }, () =>
      Promise.reject(new Error("refused")),
    );
    setTimeout(() => stop.abort(new Error("stop")), 10);
    await expect(waiting).rejects.toThrow("stop");
  });
});

function recordingLogger() {
  const lines: { readonly level: string; readonly delay_ms: number }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as { level: string; delay_ms: number });
  return { lines, logger: createLogger({ service: "test", level: "trace", destination: { write } }) };
}
