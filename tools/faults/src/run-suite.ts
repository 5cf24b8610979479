import { readFile } from "node:fs/promises";
import { checkHistory } from "@gradients/history";
import { promiseNames } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import { INVARIANTS_PROMISE, invariantProblems } from "./invariants.ts";
import { lostPlacements, PLACEMENTS_PROMISE } from "./lost-placements.ts";
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
  for (let done = 0; done < times; ) {
    const count = Math.min(suite.strikesPerRound, times - done);
    const report = await strikeUnderLoad(system, customer, {
      strikes: repeated(suite.faults, count),
      seed: `${seed}-${done}`,
      meanGapMs: suite.meanGapMs,
      width: 1,
      contestants: 2,
    });
    done += count;
    reports.push(report);
    const found = `${customer.accepted.length} jobs, ${report.violations.length} violations`;
    const toGo = minutes(((performance.now() - startedAt) / 1000 / done) * (times - done));
    process.stdout.write(
      `${suite.name}: ${done} of ${times} strikes of each, ${found}, about ${toGo} minutes to go\n`,
    );
  }
  const requeued = reports.flatMap(({ requeuedSeconds }) => requeuedSeconds);
  const violations = distinct([
    ...reports.flatMap((report) => report.violations),
    ...(await historyProblems(system.history.file)),
    ...(await invariantProblems(system)),
    ...(suite.losesNothing ? await lostPlacements(system, requeued.length) : []),
  ]);
  return await saveResult(
    { suite, times, seed, startedAt },
    {
      faults: Object.fromEntries(suite.faults.map(({ name }) => [name, times])),
      load: {
        "jobs accepted": customer.accepted.length,
        "services that ended unasked": system.unplannedEnds.length,
      },
      promises: promiseResults(promisesOf(suite), times * suite.faults.length, violations),
      measures: measureOf("killed trainer to queued anew", "s", REQUEUED_LIMIT_SECONDS, requeued),
      violations,
    },
  );
}

function promisesOf({ losesNothing }: Suite): readonly string[] {
  const own = losesNothing ? [PLACEMENTS_PROMISE] : [];
  return [...promiseNames, HISTORY_PROMISE, INVARIANTS_PROMISE, ...own];
}

/** How long so many strikes of each of its faults may take. */
export function expectedMinutes({ faults, secondsPerStrike }: Suite, times: number): number {
  return minutes(faults.length * secondsPerStrike * times);
}

function minutes(seconds: number): number {
  return Math.ceil(seconds / 60);
}

async function historyProblems(file: string): Promise<readonly Violation[]> {
  const { problems } = checkHistory(await readFile(file, "utf8"));
  return problems.map(({ property, key, text }) => ({
    promise: HISTORY_PROMISE,
    detail: `${property}: ${key}: ${text}`,
  }));
}
