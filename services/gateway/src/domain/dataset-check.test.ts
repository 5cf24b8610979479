import { DatasetFileError, type ReadRow } from "@gradients/dataset";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CheckOptions, DatasetCheck, TemplateRefusal, type TextModel } from "./dataset-check.ts";
import { DigestSet } from "./digest-set.ts";
import { rowMessages } from "./row-messages.ts";
import { TokenHistogram } from "./token-histogram.ts";

/** One token for each character. */
const model: TextModel = {
  contextLength: 50,
  render: (messages) => {
    if (messages.some(({ content }) => content === "refuse")) throw new TemplateRefusal("no");
    return messages.map(({ role, content }) => `${role}: ${content}\n`).join("");
  },
  countTokens: (text) => text.length,
};
const options: CheckOptions = {
  format: "jsonl",
  model,
  chosenMapping: undefined,
  minUsableRows: 2,
  maxRows: 1_000,
};

const check = (values: readonly object[], changes: Partial<CheckOptions> = {}) => {
  const run = new DatasetCheck({ ...options, ...changes });
  for (const [index, value] of values.entries())
    run.add({ row: index + 1, line: index + 1, bytes: 1, value: value as never });
  return run.finish();
};
const row = (instruction: string, output = "ok") => ({ instruction, output });

describe("the check", () => {
  test("finds the columns in the first rows together, since optional ones may be missing", () => {
    const result = check([
      { instruction: "a", output: "b" },
      { instruction: "c", input: "d", output: "e" },
    ]);
    expect(result.mapping).toEqual({
      kind: "instruct",
      instruction: "instruction",
      input: "input",
      output: "output",
    });
    expect(result.columns.find(({ name }) => name === "input")).toEqual({
      name: "input",
      type: "string",
      emptyValues: 1,
    });
  });

  test("takes conversations in either spelling", () => {
    const turns = [
      { from: "human", value: "hi" },
      { from: "gpt", value: "ho" },
    ];
    const result = check([
      { conversations: turns },
      {
        conversations: turns.map(({ value }, index) => ({
          role: ["user", "assistant"][index],
          content: `${value}!`,
        })),
      },
    ]);
    expect(result.mapping).toEqual({ kind: "chat", messages: "conversations" });
    expect(result.previews).toEqual(["user: hi\nassistant: ho\n", "user: hi!\nassistant: ho!\n"]);
  });

  test("every row is usable or has a finding that names it, never both", () => {
    const anyRow = fc.constantFrom(
      row("a"),
      row("b"),
      row("c"),
      row("refuse"),
      row("x", ""),
      row("long".repeat(20)),
      { instruction: ["no text"], output: "x" },
    );
    fc.assert(
      fc.property(fc.array(anyRow, { minLength: 1, maxLength: 60 }), (rows) => {
        const result = check(rows);
        const lost = result.findings
          .filter(({ rows: named }) => named.length > 0)
          .reduce((sum, { count }) => sum + count, 0);
        expect(result.rows).toBe(rows.length);
        expect(result.usableRows + lost).toBe(rows.length);
        expect(result.isUsable).toBe(result.usableRows > 0);
        expect(result.tokenHistogram.reduce((sum, bucket) => sum + bucket.rows, 0)).toBe(
          result.usableRows + result.duplicateRows + result.overlongRows,
        );
      }),
    );
  });

  test("rows that a job leaves out of training by default are named and stay usable", () => {
    const wide = { ...model, contextLength: 2000 };
    const length = (tokens: number) => row("x".repeat(tokens - "user: \nassistant: ok\n".length));
    const result = check([length(1024), length(1025), length(2000), length(2001)], { model: wide });
    expect(result).toMatchObject({ usableRows: 3, longRows: 2, overlongRows: 1, trainingLength: 1024 });
    expect(result.findings.map(({ rule, rows, count }) => [rule, rows, count])).toEqual([
      ["LONG_ROW", [2, 3], 2],
      ["OVERLONG_ROW", [4], 1],
    ]);
    const narrow = check([length(50), length(51)]);
    expect(narrow).toMatchObject({ longRows: 0, overlongRows: 1, trainingLength: 50 });
  });

  test("says how many rows are too many, and repeated ones do not count", () => {
    const rows = ["a", "b", "a", "c"].map((text) => row(text));
    expect(check(rows, { maxRows: 3 })).toMatchObject({ isUsable: true, usableRows: 3 });
    const { isUsable, findings } = check(rows, { maxRows: 2 });
    expect(isUsable).toBe(false);
    expect(findings[0]).toMatchObject({
      rule: "DATASET_TOO_LARGE",
      rows: [4],
      message: "There are more than 2 rows that differ; the check ended at row 4.",
    });
  });

  test("one finding stands for many rows: the first ten and how many", () => {
    const [finding] = check(Array.from({ length: 30 }, () => row("same"))).findings;
    expect(finding).toMatchObject({
      rule: "DUPLICATE_ROW",
      count: 29,
      rows: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    });
  });

  test("errors come first", () => {
    const run = new DatasetCheck(options);
    run.add({ row: 1, line: 1, bytes: 1, value: row("x", "") } as ReadRow);
    run.add({ row: 2, line: 2, bytes: 1, error: { rule: "MALFORMED_LINE", message: "m", fix: "f" } });
    run.fail(new DatasetFileError("BAD_CSV", "m", "f", { line: 3 }));
    const { findings, isUsable } = run.finish();
    expect(isUsable).toBe(false);
    expect(findings.map(({ rule, rows }) => [rule, rows])).toEqual([
      ["MALFORMED_LINE", [2]],
      ["BAD_CSV", [3]],
      ["EMPTY_OUTPUT", [1]],
    ]);
  });

  test("a chosen column must be there", () => {
    const chosen = { kind: "instruct", instruction: "instruction", output: "answer" } as const;
    expect(check([row("a")], { chosenMapping: chosen })).toMatchObject({
      isUsable: false,
      mapping: undefined,
      findings: [{ rule: "COLUMN_UNKNOWN", column: "answer" }],
    });
  });
});

test("a row's messages are those that the engine builds", () => {
  const mapping = { kind: "instruct", instruction: "q", input: "i", output: "a", system: "s" } as const;
  expect(rowMessages({ q: "Q", i: " ", a: "A", s: "" }, mapping)).toEqual([
    { role: "user", content: "Q" },
    { role: "assistant", content: "A" },
  ]);
  expect(rowMessages({ q: "Q", i: "I", a: "A", s: "S" }, mapping)).toEqual([
    { role: "system", content: "S" },
    { role: "user", content: "Q\n\nI" },
    { role: "assistant", content: "A" },
  ]);
});

test("a digest set knows exactly what was added, also after it has grown", () => {
  const set = new DigestSet();
  const texts = Array.from({ length: 20_000 }, (_, index) => `text ${index}`);
  expect(texts.every((text) => set.add(text))).toBe(true);
  expect(texts.some((text) => set.add(text))).toBe(false);
});

test("a histogram counts every row in the bucket that holds it", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1 }), (lengths) => {
      const histogram = new TokenHistogram();
      for (const length of lengths) histogram.add(length);
      const buckets = histogram.list();
      for (const [index, { upTo, rows }] of buckets.entries()) {
        const from = index === 0 ? 0 : (buckets[index - 1]?.upTo ?? 0) + 1;
        expect(rows).toBe(lengths.filter((length) => length >= from && length <= upTo).length);
      }
      expect(histogram.totalTokens).toBe(lengths.reduce((a, b) => a + b, 0));
    }),
  );
});
