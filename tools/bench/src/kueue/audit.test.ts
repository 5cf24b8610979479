import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readAudit } from "./audit.ts";

const entry = (
  userAgent: string,
  verb: string,
  resource: string,
  second: number,
  stage = "ResponseComplete",
) =>
  JSON.stringify({
    userAgent,
    verb,
    stage,
    objectRef: { resource },
    requestReceivedTimestamp: `2026-01-01T00:00:0${second}.000Z`,
    stageTimestamp: `2026-01-01T00:00:0${second}.500Z`,
  });

test("counts the admitter's calls, and takes the time from the first run made to the last one ended", async () => {
  const folder = await mkdtemp(join(tmpdir(), "audit-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "audit.log");
  const lines = [
    entry("runner/1", "create", "namespaces", 0),
    entry("runner/1", "create", "jobs", 1),
    entry("admitter/1", "watch", "jobs", 1, "ResponseStarted"),
    entry("admitter/1", "patch", "jobs", 2),
    entry("admitter/1", "watch", "jobs", 3),
    entry("other/1", "patch", "jobs", 3),
    entry("runner/1", "patch", "jobs", 4),
    entry("runner/1", "list", "jobs", 9),
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const question = { admitter: "admitter", runner: "runner", resource: "jobs" } as const;
  const found = await readAudit(file, question);
  expect(found.wallSeconds).toBe(3.5);
  expect(found.calls).toBe(2);
  expect([...found.callsByKind]).toEqual([
    ["watch jobs", 1],
    ["patch jobs", 1],
  ]);
});
