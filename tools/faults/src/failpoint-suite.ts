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

/** Of each program in one run. More deaths on the way of one event would use up its deliveries. */
const DEATHS_PER_RUN = 6;

const suite = { name: "failpoints", title: "Every program killed at every failpoint that it passes" };

/** Kills each program at each boundary that it passes during a customer's day. `times` is how often each. */
export async function runFailpointSuite({ times, seed, folder }: RunOptions): Promise<SuiteResult> {
  const startedAt = performance.now();
  await using system = await startSystem({ folder });
  const rng = new Rng(seed);
  const customers: Customer[] = [];
  const cases = await observeFailpoints(system, customers);
  const violations: Violation[] = unexplained(cases);
  const hits = new Map<string, number>();
  const runs = Array.from({ length: times }, () => inRuns(cases, rng)).flat();
  for (const [index, run] of runs.entries()) {
    const { hit, missed, violations: found } = await dieAt(system, customers, run, rng);
    violations.push(...found, ...missed.map((one) => ({ promise: HIT, detail: nameOf(one) })));
    for (const { place } of hit) hits.set(place, (hits.get(place) ?? 0) + 1);
    process.stdout.write(
      `failpoints, run ${index + 1} of ${runs.length}: died at ${hit.map(nameOf).join(", ")}; ${missed.length} not hit, ${found.length} violations\n`,
    );
  }
  for (const customer of customers) customer[Symbol.dispose]();
  const killed = [...hits.values()].reduce((sum, count) => sum + count, 0);
  return await saveResult(
    { suite, times, seed, startedAt },
    {
      faults: Object.fromEntries(
        [...hits].map(([place, count]) => [`killed at a failpoint: ${place}`, count]),
      ),
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
    },
  );
}

/** Some of each program in each. */
function inRuns(cases: readonly FailpointCase[], rng: Rng): readonly (readonly FailpointCase[])[] {
  const ofPrograms = Map.groupBy(rng.shuffle(cases), ({ place }) => place);
  const longest = Math.max(...[...ofPrograms.values()].map(({ length }) => length));
  return Array.from({ length: Math.ceil(longest / DEATHS_PER_RUN) }, (_, run) =>
    [...ofPrograms.values()].flatMap((all) => all.slice(run * DEATHS_PER_RUN, (run + 1) * DEATHS_PER_RUN)),
  );
}

function nameOf({ name, place }: FailpointCase): string {
  return `${name} in ${place}`;
}

export function unexplained(cases: readonly FailpointCase[]): Violation[] {
  return neverPassed(cases)
    .filter((name) => !notOfADay[name])
    .map((detail) => ({ promise: REACHED, detail }));
}
