import { manualClock } from "@gradients/kernel";
import { expect, test } from "vitest";
import { type Lane, RateLimiter } from "./rate-limiter.ts";

function limited(perSecond: number, burst: number) {
  const clock = manualClock();
  const limiter = new RateLimiter({ perSecond, burst }, clock);
  const served: string[] = [];
  const ask = (name: string, lane: Lane = "normal", signal?: AbortSignal) =>
    void limiter.take(lane, signal).then(
      () => served.push(`${name}@${clock.now().getTime()}`),
      () => served.push(`${name} gave up`),
    );
  return { clock, limiter, served, ask };
}

test("a burst at once, then so many a second", async () => {
  const { clock, served, ask } = limited(10, 2);
  for (const name of ["a", "b", "c", "d"]) ask(name);
  await clock.advance(1_000);
  expect(served).toEqual(["a@0", "b@0", "c@100", "d@200"]);
});

test("urgent calls go before those that wait already", async () => {
  const { clock, served, ask } = limited(10, 1);
  for (const name of ["a", "b", "c"]) ask(name);
  ask("end", "urgent");
  await clock.advance(1_000);
  expect(served).toEqual(["a@0", "end@100", "b@200", "c@300"]);
});

test("a pause holds for all", async () => {
  const { clock, limiter, served, ask } = limited(10, 5);
  limiter.pause(500);
  ask("a");
  ask("b", "urgent");
  await clock.advance(1_000);
  expect(served).toEqual(["b@500", "a@500"]);
});

test("one that gives up takes nobody's turn", async () => {
  const { clock, served, ask } = limited(10, 1);
  const stop = new AbortController();
  ask("a");
  ask("b", "normal", stop.signal);
  ask("c");
  stop.abort(new Error("enough"));
  await clock.advance(1_000);
  expect(served).toEqual(["a@0", "b gave up", "c@100"]);
});
