import { readFile } from "node:fs/promises";
import { checkHistory } from "@gradients/history";
import { promiseNames } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import { distinct, measureOf, promiseResults, saveResult } from "./results.ts";
import { repeated, type StrikeReport, strikeUnderLoad } from "./strike-under-load.ts";
import type { SuiteResult } from "./suite-result.ts";
import type { Suite } from "./suites.ts";
import { startSystem } from "./system.ts";
import type { Violation } from "./violation.ts";

export interface RunOptions {
  /** Strikes of each fault. */
  readonly times: number;
  readonly seed: string;
  /** Where logs and the history stay. */
  readonly folder: string;
}

/** After so many strikes of each, everything may end and is looked at. */
const STRIKES_PER_ROUND = 5;
/** What the product promises. */
export const REQUEUED_LIMIT_SECONDS = 30;
const HISTORY_PROMISE = "what clients were answered and watched can be so";

/** Runs the suite on a system of its own, writes down what came out, and makes the document anew. */
export async function runSuite(suite: Suite, { times, seed, folder }: RunOptions): Promise<SuiteResult> {
  const startedAt = performance.now();
  await using system = await startSystem({ ...suite.system, folder });
  using customer = new Customer(system);
  await customer.prepare();
  const reports: StrikeReport[] = [];
  for (let done = 0; done < times; done += STRIKES_PER_ROUND) {
    const report = await strikeUnderLoad(system, customer, {
      strikes: repeated(suite.faults, Math.min(STRIKES_PER_ROUND, times - done)),
      seed: `${seed}-${done}`,
      meanGapMs: 3_000,
      width: 1,
      contestants: 2,
    });
    reports.push(report);
    const found = `${customer.accepted.length} jobs, ${report.violations.length} violations`;
    process.stdout.write(
      `${suite.name}: ${Math.min(done + STRIKES_PER_ROUND, times)} of ${times} strikes of each, ${found}\n`,
    );
  }
  const violations = distinct([
    ...reports.flatMap((report) => report.violations),
    ...(await historyProblems(system.history.file)),
  ]);
  const requeued = reports.flatMap(({ requeuedSeconds }) => requeuedSeconds);
  return await saveResult({
    suite: suite.name,
    title: suite.title,
    command: `npm run test:faults -- --suite ${suite.name} --times ${times}`,
    seed,
    durationSeconds: Math.round((performance.now() - startedAt) / 1000),
    faults: Object.fromEntries(suite.faults.map(({ name }) => [name, times])),
    load: {
      "jobs accepted": customer.accepted.length,
      "services that ended unasked": system.unplannedEnds.length,
    },
    promises: promiseResults([...promiseNames, HISTORY_PROMISE], times * suite.faults.length, violations),
    measures: measureOf("killed trainer to queued anew", "s", REQUEUED_LIMIT_SECONDS, requeued),
    violations,
  });
}

async function historyProblems(file: string): Promise<readonly Violation[]> {
  const { problems } = checkHistory(await readFile(file, "utf8"));
  return problems.map(({ property, key, text }) => ({
    promise: HISTORY_PROMISE,
    detail: `${property}: ${key}: ${text}`,
  }));
}
