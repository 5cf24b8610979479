import { type Failpoint, Rng } from "@gradients/kernel";
import { promiseNames } from "./check-outcome.ts";
import type { Customer } from "./customer.ts";
import { dieAt, type FailpointCase, neverPassed, observeFailpoints } from "./failpoint-runs.ts";
import { distinct, promiseResults, saveResult } from "./results.ts";
import type { RunOptions } from "./run-suite.ts";
import type { SuiteResult } from "./suite-result.ts";
import { startSystem } from "./system.ts";
import type { Violation } from "./violation.ts";

const REACHED = "each failpoint of the list is passed, or it is known why not";
const HIT = "each failpoint that is passed kills";

const POISON = "only with an event that cannot be handled";
const CUT_OFF = "only with an upload that was cut off";
const KUBERNETES = "only with the fleet of Kubernetes, whose own tests pass it";

/** What a customer's day does not pass for certain, and why. */
const notOfADay: Partial<Record<Failpoint, string>> = {
  "bus.before-dead-letter": POISON,
  "bus.dead-letter-recorded": POISON,
  "objects.multipart-aborted": CUT_OFF,
  "gateway.upload-object-deleted": CUT_OFF,
  "scheduler.upload-settled": CUT_OFF,
  "scheduler.before-job": KUBERNETES,
  "scheduler.job-created": KUBERNETES,
  "scheduler.job-secret-created": KUBERNETES,
  "scheduler.job-begun": KUBERNETES,
  "scheduler.job-deleted": KUBERNETES,
};

/** Kills each program at each boundary that it passes during a customer's day. `times` is how often each. */
export async function runFailpointSuite({ times, seed, folder }: RunOptions): Promise<SuiteResult> {
  const startedAt = performance.now();
  await using system = await startSystem({ folder });
  const rng = new Rng(seed);
  const customers: Customer[] = [];
  const cases = await observeFailpoints(system, customers);
  const violations: Violation[] = unexplained(cases);
  const hits = new Map<string, number>();
  for (const one of rng.shuffle(Array.from({ length: times }, () => cases).flat())) {
    const { hit, violations: found } = await dieAt(system, customers, one, rng);
    violations.push(
      ...found.map(({ promise, detail }) => ({ promise, detail: `${one.name} in ${one.place}: ${detail}` })),
    );
    if (hit) hits.set(one.place, (hits.get(one.place) ?? 0) + 1);
    else violations.push({ promise: HIT, detail: `${one.name} in ${one.place}` });
    process.stdout.write(
      `failpoints: ${one.name} in ${one.place}${hit ? "" : " was not hit"}, ${found.length} violations\n`,
    );
  }
  for (const customer of customers) customer[Symbol.dispose]();
  const killed = [...hits.values()].reduce((sum, count) => sum + count, 0);
  return await saveResult({
    suite: "failpoints",
    title: "Every program killed at every failpoint that it passes",
    command: `npm run test:faults -- --suite failpoints --times ${times}`,
    seed,
    durationSeconds: Math.round((performance.now() - startedAt) / 1000),
    faults: Object.fromEntries([...hits].map(([place, count]) => [`killed at a failpoint: ${place}`, count])),
    load: {
      "failpoints passed": new Set(cases.map(({ name }) => name)).size,
      "jobs accepted": customers.flatMap(({ accepted }) => accepted).length,
    },
    promises: [
      ...promiseResults(promiseNames, killed, distinct(violations)),
      ...promiseResults([REACHED, HIT], cases.length * times, distinct(violations)),
    ],
    measures: [],
    notes: neverPassed(cases).map(
      (name) => `\`${name}\` is not passed: ${notOfADay[name] ?? "not known why"}.`,
    ),
    violations: distinct(violations),
  });
}

export function unexplained(cases: readonly FailpointCase[]): Violation[] {
  return neverPassed(cases)
    .filter((name) => !notOfADay[name])
    .map((detail) => ({ promise: REACHED, detail }));
}
