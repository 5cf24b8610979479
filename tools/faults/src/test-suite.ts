import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Figures } from "@gradients/testkit";
import { paths } from "../../setup/paths.mjs";
import { saveResult } from "./results.ts";
import type { RunOptions } from "./run-suite.ts";
import type { PromiseResult, SuiteResult } from "./suite-result.ts";
import type { Violation } from "./violation.ts";

/** A suite whose faults are made by tests: each hands over what it tried, see noteFigures. */
export interface TestSuite {
  readonly name: string;
  readonly title: string;
  readonly times: number;
  /** Below the repository's root. */
  readonly files: readonly string[];
}

export const testSuites: readonly TestSuite[] = [
  {
    name: "chain",
    title: "The chain's bridge is killed around submissions; the chain forks, stalls and drops",
    times: 200,
    files: [
      "services/chain-bridge/src/chain-crash.int.test.ts",
      "services/chain-bridge/src/chain-faults.int.test.ts",
    ],
  },
  {
    name: "same-digest",
    title: "An attempt is killed, its twin is not",
    times: 10,
    files: ["services/scheduler/src/same-digest.int.test.ts"],
  },
  {
    name: "flipped-bits",
    title: "One bit of an artifact is flipped",
    times: 1_000,
    files: ["packages/objects/src/flipped-bits.test.ts"],
  },
  {
    name: "poison",
    title: "An event that cannot be handled",
    times: 20,
    files: ["packages/bus/src/poison.int.test.ts"],
  },
];

export async function runTestSuite(
  suite: TestSuite,
  { times, seed, folder }: RunOptions,
): Promise<SuiteResult> {
  const startedAt = performance.now();
  const figuresFile = join(folder, "figures.ndjson");
  const reportFile = join(folder, "vitest.json");
  await runVitest(suite.files, reportFile, {
    GRADIENTS_FIGURES: figuresFile,
    GRADIENTS_FAULT_TIMES: String(times),
    GRADIENTS_SEED: seed,
  });
  const figures = await readFigures(figuresFile);
  const violations = failedTests(await readFile(reportFile, "utf8"));
  return await saveResult(
    { suite, times, seed, startedAt },
    {
      faults: summed(figures.map(({ faults = {} }) => faults)),
      load: summed(figures.map(({ load = {} }) => load)),
      promises: promisesOf(figures, violations),
      measures: [],
      notes: figures.flatMap(({ note }) => note ?? []),
      violations,
    },
  );
}

async function runVitest(
  files: readonly string[],
  reportFile: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const vitest = join(paths.dependencies, "vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const args = ["--root", paths.repositoryRoot, "run", "--project=unit", "--project=int", ...reporters];
  const child = spawn(process.execPath, [vitest, ...args, ...files], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  const [code, signal] = await once(child, "exit");
  if (!existsSync(reportFile)) throw new Error(`The tests ended with ${code ?? signal}, without a report`);
}

async function readFigures(file: string): Promise<readonly Figures[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Figures); // written by noteFigures
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Each test that failed, and each file that could not be loaded. */
export function failedTests(report: string): readonly Violation[] {
  const { testResults } = JSON.parse(report) as VitestReport; // written by vitest
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (status === "failed" && failed.length === 0) return [{ promise: name, detail: message }];
    return failed.map(({ fullName, failureMessages }) => ({
      promise: fullName,
      detail: failureMessages.join("\n"),
    }));
  });
}

/** A test that failed has told of no tries: it is a promise of its own, tried once and broken. */
export function promisesOf(
  figures: readonly Figures[],
  violations: readonly Violation[],
): readonly PromiseResult[] {
  const promises = new Map<string, PromiseResult>();
  const broken = violations.map(({ promise }) => ({ promise, tries: 1, failures: 1 }));
  for (const { promise, tries, failures } of [...figures, ...broken]) {
    const before = promises.get(promise);
    promises.set(promise, {
      promise,
      tries: (before?.tries ?? 0) + tries,
      failures: (before?.failures ?? 0) + failures,
    });
  }
  return [...promises.values()];
}

function summed(records: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const [name, count] of records.flatMap((record) => Object.entries(record)))
    sums.set(name, (sums.get(name) ?? 0) + count);
  return Object.fromEntries(sums);
}
