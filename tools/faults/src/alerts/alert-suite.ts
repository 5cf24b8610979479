import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { measureOf, promiseResults, saveResult } from "../results.ts";
import type { RunOptions } from "../run-suite.ts";
import type { SuiteResult } from "../suite-result.ts";
import type { Violation } from "../violation.ts";
import { alertFaults } from "./alert-faults.ts";
import { FIRING_LIMIT_SECONDS, type Firing, fireAlerts, isCalm } from "./fire-alerts.ts";
import { startWatchedSystem } from "./watched-system.ts";

const CALM = "nothing fires while all is well";
const SILENT = "an alert is silent before its fault";
const FIRES = "an alert fires on its fault";

const suite = { name: "alerts", title: "Every alert fires on its fault" };

interface Round {
  readonly isCalm: boolean;
  readonly firings: readonly Firing[];
}

/** Makes every fault so often, each time on a system of its own, and writes down which alerts told of it. */
export async function runAlertSuite({ times, seed, folder }: RunOptions): Promise<SuiteResult> {
  const startedAt = performance.now();
  const rounds: Round[] = [];
  for (let round = 1; round <= times; round++) {
    rounds.push(await playRound(join(folder, `round-${round}`)));
    process.stdout.write(`alerts: ${round} of ${times} rounds\n`);
  }
  const firings = rounds.flatMap((round) => round.firings);
  const seconds = firings.flatMap((firing) => firing.seconds ?? []);
  const violations = rounds.flatMap(violationsOf);
  return await saveResult(
    { suite, times, seed, startedAt },
    {
      faults: Object.fromEntries(alertFaults.map(({ name }) => [name, times])),
      load: { "alerts of the rules": firings.length / times },
      promises: [
        ...promiseResults([CALM], times, violations),
        ...promiseResults([SILENT, FIRES], firings.length, violations),
      ],
      measures: measureOf("fault to alert, less the rule's own wait", "s", FIRING_LIMIT_SECONDS, seconds),
      notes: [
        "A real Prometheus scrapes the services each second and evaluates the rules as they are, save that none has to hold for minutes before it fires. Where a rule asks for hours of age, rows are aged.",
        ...alertFaults.map(({ name, alerts }) => `${name}: ${alerts.join(", ")}`),
      ],
      violations,
    },
  );
}

async function playRound(folder: string): Promise<Round> {
  await mkdir(folder);
  await using watched = await startWatchedSystem(folder);
  const calm = await isCalm(watched);
  const firings: Firing[] = [];
  for (const fault of alertFaults) firings.push(...(await fireAlerts(watched, fault)));
  return { isCalm: calm, firings };
}

function violationsOf(round: Round): readonly Violation[] {
  const calm = round.isCalm ? [] : [{ promise: CALM, detail: "an alert fired, or a service was away" }];
  const loud = round.firings.filter(({ wasSilent }) => !wasSilent);
  const dumb = round.firings.filter(({ seconds }) => seconds === undefined);
  return [
    ...calm,
    ...loud.map(({ alert }) => ({ promise: SILENT, detail: alert })),
    ...dumb.map(({ alert }) => ({ promise: FIRES, detail: alert })),
  ];
}
