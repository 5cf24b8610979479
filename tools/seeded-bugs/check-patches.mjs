// Tells which seeded bugs no longer apply to the code as it is.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { readBugs } from "./read-bugs.mjs";

const self = fileURLToPath(import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));

if (process.argv[1] === self) {
  const stale = readBugs().flatMap((bug) => problemOf(bug) || []);
  process.stderr.write(stale.join(""));
  process.exitCode = stale.length === 0 ? 0 : 1;
}

/** What git says about a patch that does not apply; empty when it does. */
export function problemOf({ patch }) {
  return spawnSync("git", ["apply", "--check", patch], { cwd: root, encoding: "utf8" }).stderr;
}
