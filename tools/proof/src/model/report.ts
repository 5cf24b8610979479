import type { Exploration } from "./explore.ts";
import { exploreJobs } from "./machine.ts";
import type { PlantedFault } from "./size.ts";
import { largeSizes, plantedFaults, smallSizes } from "./sizes.ts";

/** Prints what was explored; false when a property is broken or a planted fault goes unseen. */
export function exploreAll({ isLarge }: { readonly isLarge: boolean }): boolean {
  const sizes = isLarge ? [...smallSizes, ...largeSizes] : smallSizes;
  const held = sizes.map((size) => {
    const found = exploreJobs(size, undefined, MAX_STATES[size.jobs]);
    const { jobs, attempts, workers, budget } = size;
    const spent = Object.entries(budget).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
    print(
      `${size.name}: ${[`${jobs} jobs`, `${attempts} attempts`, `${workers} workers`, ...spent].join(", ")}`,
    );
    print(`  ${countsOf(found)}${found.isCut ? ", CUT SHORT" : ""}`);
    if (found.violation) printViolation(found);
    return !found.violation;
  });
  return [...held, ...findPlanted()].every(Boolean);
}

/** By the number of jobs; gigabytes. Of a single job every state is kept as text for a while, of two only those of each. */
const MAX_STATES: Readonly<Record<number, number>> = { 1: 6_000_000, 2: 60_000_000 };

function findPlanted(): boolean[] {
  return Object.entries(plantedFaults).map(([fault, size]) => {
    const found = exploreJobs(size, fault as PlantedFault);
    print(`planted: ${fault}\n  ${found.violation ? "found" : "NOT FOUND"} after ${countsOf(found)}`);
    if (found.violation) printViolation(found);
    return found.violation !== undefined;
  });
}

function countsOf({ states, transitions, ends, depth, seconds }: Exploration): string {
  const count = (value: number) => value.toLocaleString("en-GB");
  return `${count(states)} states, ${count(transitions)} transitions, ${ends} ends, depth ${depth}, ${seconds.toFixed(1)} s`;
}

function printViolation({ violation }: Exploration): void {
  if (!violation) return;
  print(`  ${violation.property}`);
  for (const [index, label] of violation.trace.entries()) print(`    ${index + 1}. ${label}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
