import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Job } from "@gradients/contracts/gateway";
import { repositoryRoot } from "../../../setup/paths.mjs";
import { attacks } from "./attacks.ts";
import type { EngineLogs } from "./engine-logs.ts";

/** What the attacker tells of one try. */
export interface Tried {
  readonly gotThrough: boolean;
  readonly happened: string;
}

/** A row of docs/sandbox.md. */
export interface SandboxRow {
  readonly id: string;
  readonly what: string;
  readonly holds: string;
}

export async function sandboxRows(): Promise<readonly SandboxRow[]> {
  const text = await readFile(join(repositoryRoot, "docs/sandbox.md"), "utf8");
  return [...text.matchAll(/^\| `([^`]+)` +\| (.*?) +\| (.*?) +\|$/gm)].map(
    ([, id = "", what = "", holds = ""]) => ({
      id,
      what,
      holds,
    }),
  );
}

/** By id. What was said last counts, but a success is never taken back. */
export function triesIn({ lines }: EngineLogs): Map<string, Tried> {
  const tries = new Map<string, Tried>();
  for (const line of lines) {
    const told = parse(line);
    if (!told) continue;
    const { tried, ...rest } = told;
    if (!tries.get(tried)?.gotThrough) tries.set(tried, rest);
  }
  return tries;
}

function parse(line: string): (Tried & { readonly tried: string }) | undefined {
  return line.startsWith('{"tried"') ? (JSON.parse(line) as Tried & { readonly tried: string }) : undefined; // report.py's
}

/** How the attempt ended, for attacks that it ended of. */
export function addOutcomes(tries: Map<string, Tried>, jobs: readonly Job[]): void {
  for (const { attempts } of jobs) {
    for (const { recipe, failure } of attempts) {
      const id = Object.entries(attacks).find(([name]) => recipe.endsWith(name))?.[1].tried;
      const known = id === undefined ? undefined : tries.get(id);
      if (!id || !known || !failure) continue;
      tries.set(id, { ...known, happened: `${known.happened}: ${failure.code}` });
    }
  }
}

export function printTable(rows: readonly SandboxRow[], tries: ReadonlyMap<string, Tried>): void {
  const width = Math.max(...rows.map(({ id }) => id.length));
  for (const { id, holds } of rows) {
    const { gotThrough, happened } = tries.get(id) ?? { gotThrough: false, happened: "not tried" };
    console.log(
      `${id.padEnd(width)}  ${gotThrough ? "GOT THROUGH" : "held"}  ${happened.slice(0, 120)}  [${holds}]`,
    );
  }
}
