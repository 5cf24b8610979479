import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { paths } from "../../setup/paths.mjs";
import { readCommit } from "./commit.ts";
import { percentile } from "./percentile.ts";
import type { Proof } from "./proof.ts";
import { reliabilityDocument } from "./reliability-document.ts";
import type { Measure, PromiseResult, SuiteResult } from "./suite-result.ts";
import type { Violation } from "./violation.ts";

const folder = join(paths.repositoryRoot, "docs/reliability");
const proofFolder = join(folder, "proofs");
const documentFile = join(paths.repositoryRoot, "docs/reliability.md");

/** How a suite was run. */
export interface SuiteRun {
  readonly suite: { readonly name: string; readonly title: string };
  readonly times: number;
  readonly seed: string;
  /** By performance.now(). */
  readonly startedAt: number;
}

type Found = Pick<SuiteResult, "faults" | "load" | "promises" | "measures" | "notes" | "violations">;

/** Keeps what came out in place of the suite's last result and makes the document anew. */
export async function saveResult(
  { suite: { name, title }, times, seed, startedAt }: SuiteRun,
  found: Found,
): Promise<SuiteResult> {
  const result = {
    suite: name,
    title,
    command: `npm run test:faults -- --suite ${name} --times ${times} --seed ${seed}`,
    seed,
    durationSeconds: Math.round((performance.now() - startedAt) / 1000),
    ...found,
    ...(await origin()),
  };
  await keep(folder, name, result);
  return result;
}

/** The same for a proof. */
export async function saveProof(proof: Omit<Proof, "commit" | "date" | "machine">): Promise<void> {
  await keep(proofFolder, proof.name, { ...proof, ...(await origin()) });
}

async function origin() {
  return {
    commit: await readCommit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, load ${Math.round(loadavg()[2] ?? 0)} at its end`,
  };
}

async function keep(where: string, name: string, value: object): Promise<void> {
  await mkdir(where, { recursive: true });
  await writeFile(join(where, `${name}.json`), `${JSON.stringify(value, null, 2)}\n`);
  await writeFile(documentFile, reliabilityDocument(await readResults(), await readProofs()));
}

export function readResults(): Promise<readonly SuiteResult[]> {
  return readAll<SuiteResult>(folder);
}

export function readProofs(): Promise<readonly Proof[]> {
  return readAll<Proof>(proofFolder);
}

async function readAll<T>(where: string): Promise<readonly T[]> {
  const names = (await readdir(where)).filter((name) => name.endsWith(".json")).toSorted();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(where, name), "utf8")) as T));
}

export function readDocument(): Promise<string> {
  return readFile(documentFile, "utf8");
}

export function measureOf(
  name: string,
  unit: string,
  limit: number,
  samples: readonly number[],
): readonly Measure[] {
  if (samples.length === 0) return [];
  const at = (share: number) => percentile(samples, share);
  return [{ name, unit, limit, n: samples.length, p50: at(0.5), p99: at(0.99), max: at(1) }];
}

/** What is broken stays so when it is looked at again. */
export function distinct(violations: readonly Violation[]): readonly Violation[] {
  return [...new Map(violations.map((violation) => [JSON.stringify(violation), violation])).values()];
}

/** One line for each promise that was tried, the broken ones with their count. */
export function promiseResults(
  promises: readonly string[],
  tries: number,
  violations: readonly Violation[],
): readonly PromiseResult[] {
  return promises.map((promise) => ({
    promise,
    tries,
    failures: violations.filter((violation) => violation.promise === promise).length,
  }));
}
