import { saveProof } from "../../../faults/src/results.ts";
import { type SimulationResult, simulate } from "./simulate.ts";

export interface ReportOptions {
  readonly seeds: readonly string[];
  readonly hours: number;
  /** Writes the figures to docs/reliability.md. */
  readonly isRecorded: boolean;
}

/** Prints what simulations came to; false when a property is broken. */
export async function reportSimulations({ seeds, hours, isRecorded }: ReportOptions): Promise<boolean> {
  const results = seeds.map((seed) => {
    const startedAt = performance.now();
    const result = simulate({ seed, hours });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    print(`seed ${seed}, ${seconds} s`);
    for (const line of linesOf(result)) print(`  ${line}`);
    return { seed, seconds, result };
  });
  if (isRecorded)
    await saveProof({
      name: "simulation",
      title: "Random worlds on a virtual clock",
      text: "Jobs come, pods live, die and fall silent, deliveries are late, lost in a crash or come again; leases, retries and deadlines follow the clock; verdicts, points and weight submissions follow from the jobs. Every property is looked at after every step. Trace: the first digits of the SHA-256 over all steps, equal for equal seeds.",
      command: `npm run test:proof -- simulate --hours ${hours} --seed ${seeds.join()} --record`,
      head: [
        "seed",
        "simulated hours",
        "steps",
        "faults and whims",
        "jobs",
        "weights finalized",
        "seconds",
        "trace",
        "broken properties",
      ],
      rows: results.map(({ seed, seconds, result }) => rowOf(seed, seconds, result)),
    });
  return results.every(({ result }) => result.violation === undefined);
}

function rowOf(
  seed: string,
  seconds: string,
  { hours, steps, faults, jobs, weights, trace, violation }: SimulationResult,
): readonly string[] {
  const counts = [steps, faults, jobs.accepted, weights.finalized].map(count);
  return [seed, hours.toFixed(0), ...counts, seconds, trace.slice(0, 12), violation?.property ?? "none"];
}

function linesOf({
  hours,
  steps,
  faults,
  jobs,
  weights,
  trace,
  violation,
}: SimulationResult): readonly string[] {
  return [
    `${hours.toFixed(2)} simulated hours, ${count(steps)} steps, ${count(faults)} of them faults, failures or whims`,
    `${jobs.accepted} jobs: ${jobs.succeeded} succeeded, ${jobs.failed} failed, ${jobs.cancelled} cancelled, the rest go on`,
    `${weights.submissions} weight vectors signed, ${weights.finalized} finalized`,
    `trace ${trace}`,
    ...(violation
      ? [`BROKEN after ${violation.seconds} s, ${violation.job}: ${violation.property}`, ...violation.steps]
      : []),
  ];
}

function count(value: number): string {
  return value.toLocaleString("en-GB");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
