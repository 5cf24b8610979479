import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { armFailpoints, failpoint, failpoints, isFailpoint } from "./failpoints.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

afterEach(() => armFailpoints(undefined));

test("each listed failpoint stands once in the code, in the file that the list names, and no other one does", () => {
  const used = sources().flatMap((path) =>
    [...read(path).matchAll(/\bfailpoint\(([^)]*)\)/g)].map(([, argument]) => `${argument} in ${path}`),
  );
  const listed = Object.entries(failpoints).map(([name, path]) => `"${name}" in ${path}`);
  expect(used.toSorted()).toEqual(listed.toSorted());
});

test("there are at least sixty", () => {
  expect(Object.keys(failpoints).length).toBeGreaterThanOrEqual(60);
});

test("an armed process hears of each pass, a disarmed one of none", () => {
  const passed: string[] = [];
  failpoint("db.begun");
  armFailpoints((name) => passed.push(name));
  failpoint("db.before-commit");
  armFailpoints(undefined);
  failpoint("db.committed");
  expect(passed).toEqual(["db.before-commit"]);
});

test("names are told from what is inherited", () => {
  expect(isFailpoint("db.begun")).toBe(true);
  expect(isFailpoint("toString")).toBe(false);
});

/** Everything that runs in production, but the list itself. */
function sources(): readonly string[] {
  return ["packages", "services"].flatMap((folder) =>
    readdirSync(`${root}/${folder}`).flatMap((name) => sourcesBelow(`${folder}/${name}/src`)),
  );
}

function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourcesBelow(path);
    const isProduct = entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts");
    return isProduct && !path.endsWith("kernel/src/failpoints.ts") ? [path] : [];
  });
}

function read(path: string): string {
  return readFileSync(`${root}/${path}`, "utf8");
}
