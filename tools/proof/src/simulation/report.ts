import { type SimulationResult, simulate } from "./simulate.ts";

/** Prints what a simulation came to; false when a property is broken. */
export function reportSimulation(seed: string, hours: number): boolean {
  const startedAt = performance.now();
  const result = simulate({ seed, hours });
  print(`seed ${seed}: ${linesOf(result).join("\n  ")}`);
  print(`  ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return result.violation === undefined;
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
  const count = (value: number) => value.toLocaleString("en-GB");
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

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
