import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { System } from "./system.ts";
import type { Violation } from "./violation.ts";

export const INVARIANTS_PROMISE = "the invariants of every service hold, whenever it looks";

/** What the services' own checks of their rows said in their logs while faults were made. */
export async function invariantProblems({ logs }: Pick<System, "logs">): Promise<readonly Violation[]> {
  const names = (await readdir(logs)).filter((name) => name.endsWith(".log"));
  const texts = await Promise.all(names.map((name) => readFile(join(logs, name), "utf8")));
  return texts
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.includes('"msg":"invariant violated"'))
    .map((detail) => ({ promise: INVARIANTS_PROMISE, detail }));
}
