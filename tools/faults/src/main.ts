import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runAlertSuite } from "./alerts/alert-suite.ts";
import { noPrometheus } from "./alerts/prometheus.ts";
import { runFailpointSuite } from "./failpoint-suite.ts";
import { expectedMinutes, type RunOptions, runSuite } from "./run-suite.ts";
import { noSmallDisk } from "./small-disk.ts";
import type { SuiteResult } from "./suite-result.ts";
import { suites } from "./suites.ts";
import { runTestSuite, testSuites } from "./test-suite.ts";
import { upperBound } from "./upper-bound.ts";

interface Runnable {
  readonly name: string;
  readonly times: number;
  /** How long it may take. */
  readonly minutes?: (times: number) => number;
  /** Why it cannot run here. */
  readonly lacking?: () => string | undefined;
  readonly run: (options: RunOptions) => Promise<SuiteResult>;
}

const runnables: readonly Runnable[] = [
  ...suites.map((suite) => ({
    name: suite.name,
    times: suite.times,
    minutes: (times: number) => expectedMinutes(suite, times),
    run: (options: RunOptions) => runSuite(suite, options),
    ...(suite.system?.smallFleetDisk && { lacking: noSmallDisk }),
  })),
  { name: "failpoints", times: 1, minutes: (times) => 20 * times, run: runFailpointSuite },
  ...testSuites.map((suite) => ({
    name: suite.name,
    times: suite.times,
    run: (options: RunOptions) => runTestSuite(suite, options),
  })),
  { name: "alerts", times: 3, minutes: (times) => 5 * times, lacking: noPrometheus, run: runAlertSuite },
];

const HELP = `npm run test:faults -- [options]

Breaks real parts of the system while jobs run, tells which promises held, and writes docs/reliability.md from what it found.

  --suite <name>   ${runnables.map(({ name }) => name).join(", ")}   [all of them]
  --times <n>      strikes of each fault   [${runnables.map(({ name, times }) => `${name}: ${times}`).join(", ")}]
  --seed <text>    the same faults at the same pauses again   [chosen]
  --help           this text
`;

const { values } = parseArgs({
  options: {
    suite: { type: "string" },
    times: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else process.exitCode = await runChosen();

async function runChosen(): Promise<number> {
  const chosen = runnables.filter(({ name }) => values.suite === undefined || values.suite === name);
  if (chosen.length === 0) throw new Error(`--suite: there is none of the name ${values.suite}`);
  const folder = await mkdtemp(join(tmpdir(), "gradients-fault-run-"));
  process.stdout.write(`seed ${values.seed}, histories and logs in ${folder}\n`);
  let failures = 0;
  for (const suite of chosen) {
    const lacking = suite.lacking?.();
    if (lacking) {
      process.stdout.write(`${suite.name} is left out: ${lacking}\n`);
      continue;
    }
    const own = join(folder, suite.name);
    await mkdir(own);
    const times = Number(values.times ?? suite.times);
    const minutes = suite.minutes?.(times);
    process.stdout.write(`${suite.name}: ${times} of each${minutes ? `, about ${minutes} minutes` : ""}\n`);
    const result = await suite.run({ times, seed: values.seed, folder: own });
    print(result);
    failures += result.violations.length;
  }
  return failures === 0 ? 0 : 1;
}

function print({ title, seed, promises, measures, violations }: SuiteResult): void {
  process.stdout.write(`\n${title}, seed ${seed}\n`);
  for (const { promise, tries, failures } of promises) {
    const bound = (upperBound(failures, tries) * 100).toFixed(2);
    process.stdout.write(`  ${promise.padEnd(60)} ${failures} of ${tries} failed, at most ${bound} %\n`);
  }
  for (const { name, unit, n, p50, p99, max } of measures)
    process.stdout.write(
      `  ${name}: p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, longest ${max.toFixed(2)} ${unit}, n ${n}\n`,
    );
  for (const { promise, detail } of violations) process.stdout.write(`  broken: ${promise}: ${detail}\n`);
}
