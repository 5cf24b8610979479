import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { problemOf } from "./check-patches.mjs";
import { readBugs } from "./read-bugs.mjs";

const hasGit = spawnSync("git", ["--version"]).status === 0;

test("there are at least twenty seeded bugs, each with a test of its own to name", () => {
  expect(readBugs().length).toBeGreaterThanOrEqual(20);
});

test.skipIf(!hasGit).each(readBugs())("$name still applies", (bug) => {
  expect(problemOf(bug)).toBe("");
});
