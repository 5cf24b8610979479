import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createMarks } from "./marks.ts";

test("what is added within a moment is marked with one statement, and nothing before it was", async () => {
  const statements: (readonly bigint[])[] = [];
  const marks = createMarks(async (ids) => void statements.push(ids));
  let isDone = false;
  const first = marks.add([1n]).then(() => {
    isDone = true;
  });
  await sleep(1);
  const second = marks.add([2n, 3n]);
  expect(isDone).toBe(false);
  await Promise.all([first, second]);
  expect(statements).toEqual([[1n, 2n, 3n]]);
  await marks.add([]);
  await marks.add([4n]);
  expect(statements).toEqual([[1n, 2n, 3n], [4n]]);
});

test("one statement runs at a time; enough of them do not wait for the moment", async () => {
  const statements: (readonly bigint[])[] = [];
  const running = Promise.withResolvers<void>();
  const marks = createMarks(async (ids) => {
    statements.push(ids);
    if (statements.length === 1) await running.promise;
  });
  const many = Array.from({ length: 500 }, (_, id) => BigInt(id));
  const first = marks.add(many);
  await Promise.resolve();
  await Promise.resolve();
  const second = [marks.add(many), marks.add([500n])];
  await sleep(1);
  expect(statements).toEqual([many]);
  running.resolve();
  await Promise.all([first, ...second]);
  expect(statements).toEqual([many, [...many, 500n]]);
});

test("a statement that fails is told to those in it, and the next one goes on", async () => {
  let fails = true;
  const marks = createMarks(async () => {
    if (fails) throw new Error("connection lost");
  });
  const both = await Promise.allSettled([marks.add([1n]), marks.add([2n])]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  await marks.add([1n, 2n]);
});
