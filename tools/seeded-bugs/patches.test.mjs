import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readBugs } from "./read-bugs.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const hasGit = spawnSync("git", ["--version"]).status === 0;

test("there are at least twenty seeded bugs, each in files that its test is not part of", () => {
  const bugs = readBugs();
  expect(bugs.length).toBeGreaterThanOrEqual(20);
});

test.skipIf(!hasGit).each(readBugs())("$name still applies", ({ patch }) => {
  const { stderr } = spawnSync("git", ["apply", "--check", patch], { cwd: root, encoding: "utf8" });
  expect(stderr).toBe("");
});
