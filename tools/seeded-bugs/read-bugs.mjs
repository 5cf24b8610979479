import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("./", import.meta.url));
const HEADER =
  /^Mistake: (?<mistake>.+)\nCaught by: (?<kind>unit|int|pytest) (?<file>\S+) > (?<test>.+)\nWhy: (?<why>.+)\n\ndiff --git /;

/**
 * A mistake as a patch, and the test that must fail with it. `test` is the title alone, without those of the groups around it.
 * @typedef {{ name: string, patch: string, mistake: string, kind: "unit" | "int" | "pytest", file: string, test: string, why: string }} Bug
 */

/** @returns {Bug[]} in the order of their numbers */
export function readBugs() {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".patch"))
    .toSorted()
    .map((name) => readBug(name.slice(0, -".patch".length), join(folder, name)));
}

function readBug(name, patch) {
  const header = HEADER.exec(readFileSync(patch, "utf8"))?.groups;
  if (!header) throw new Error(`${patch} does not begin with the lines Mistake, Caught by and Why`);
  return { name, patch, ...header };
}
