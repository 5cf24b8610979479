import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SplitOutput, writeSplit } from "./write-split.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "write-split-"));
});

afterAll(() => rm(folder, { recursive: true }));

it("refuses a data set with more distinct rows than can be grouped, and says how many those are", async () => {
  const lines = Array.from({ length: 31 }, (_, row) => `{"q":"what is ${row ** 5}?","a":"word${row}"}\n`);
  await writeFile(join(folder, "dataset"), [...lines, lines[0]].join(""));
  expect(await split(31)).toMatchObject({ kind: "written", droppedRows: { duplicate: 1 } });
  expect(await split(30)).toMatchObject({
    kind: "refused",
    reason: {
      code: "DATASET_TOO_LARGE",
      isCustomerError: true,
      message: expect.stringContaining("more than 30 usable rows"),
    },
  });
});

function split(maxRows: number): Promise<SplitOutput> {
  return writeSplit({
    datasetPath: join(folder, "dataset"),
    dataset: { format: "jsonl", columns: { kind: "instruct", instruction: "q", output: "a" } },
    salt: Buffer.alloc(32, 7),
    policy: { heldoutShare: 0.3, heldoutRowsMin: 8, heldoutRowsMax: 10, trainRowsMin: 8 },
    maxRows,
    spoolPath: join(folder, "usable.jsonl"),
    trainPath: join(folder, "train.jsonl"),
    heldoutPath: join(folder, "heldout.jsonl"),
  });
}
