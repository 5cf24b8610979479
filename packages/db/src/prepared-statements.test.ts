import { expect, test } from "vitest";
import { createStatementNames } from "./prepared-statements.ts";

test("a statement gets a name of its own with its fifth use, and keeps it", () => {
  const names = createStatementNames();
  expect(uses(names, "select $1", 4)).toEqual([undefined]);
  const [first] = uses(names, "select $1", 3);
  const [second] = uses(names, "select $2", 9).slice(-1);
  expect(first).toMatch(/^often_/);
  expect(second).toMatch(/^often_/);
  expect(second).not.toBe(first);
});

test("statements without end take no names without end", () => {
  const names = createStatementNames();
  const given = Array.from({ length: 3_000 }, (_, index) => uses(names, `select ${index}`, 5).at(-1));
  expect(given.filter((name) => name !== undefined)).toHaveLength(200);
  for (let index = 0; index < 5_000; index += 1) names.nameOf(`never again ${index}`);
  expect(names.nameOf("select 1")).toBe(given[1]);
});

test("a forbidden one is never named again", () => {
  const names = createStatementNames();
  uses(names, "select $1", 5);
  names.forbid("select $1");
  expect(uses(names, "select $1", 9)).toEqual([undefined]);
});

/** The different answers in their order. */
function uses(names: ReturnType<typeof createStatementNames>, text: string, times: number) {
  return [...new Set(Array.from({ length: times }, () => names.nameOf(text)))];
}
