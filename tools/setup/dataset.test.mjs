import { createHash } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildDataset, rowCount, wordnetFolder } from "./dataset.mjs";

test("640 rows, topics in balance, no word and no definition twice, the same rows on every machine", () => {
  const lines = buildDataset(join(wordnetFolder, "dict"));
  const rows = lines.map((line) => JSON.parse(line));
  const answers = rows.map((row) => JSON.parse(row.output));
  const perTopic = Object.groupBy(answers, ({ topic }) => topic);
  expect(rows).toHaveLength(rowCount);
  expect(Object.values(perTopic).map((list) => list.length)).toEqual(Array(8).fill(rowCount / 8));
  expect(new Set(answers.map(({ word }) => word)).size).toBe(rowCount);
  expect(new Set(rows.map(({ input }) => input.split(": ")[1])).size).toBe(rowCount);
  for (const [index, { input }] of rows.entries())
    expect(input.startsWith(`${answers[index].word}: `)).toBe(true);
  expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toMatchInlineSnapshot(
    `"6e7e893a1d427b1b4db56148e1de17682f3e26628921aabf1d27e97cda8b754b"`,
  );
});
