import { saveProof } from "../../../faults/src/results.ts";
import type { Exploration } from "./explore.ts";
import { exploreJobs } from "./machine.ts";
import type { PlantedFault, Size } from "./size.ts";
import { largeSizes, plantedFaults, smallSizes } from "./sizes.ts";

export interface ReportOptions {
  readonly isLarge: boolean;
  /** Writes the figures to docs/reliability.md. */
  readonly isRecorded: boolean;
}

/** Prints what was explored; false when a property is broken or a planted fault goes unseen. */
export async function exploreAll({ isLarge, isRecorded }: ReportOptions): Promise<boolean> {
  const sizes = isLarge ? [...smallSizes, ...largeSizes] : smallSizes;
  const explored = sizes.map(exploreSize);
  const planted = findPlanted();
  print(`peak memory ${peakMemory()}`);
  if (isRecorded) await record(isLarge, explored, planted);
  return explored.every(({ found }) => !found.violation) && planted.every(({ found }) => found.violation);
}

interface Explored {
  readonly name: string;
  readonly bounds: string;
  readonly found: Exploration;
}

/** By the number of jobs; gigabytes. Of a single job every state is kept as text for a while, of two only those of each. */
const MAX_STATES: Readonly<Record<number, number>> = { 1: 6_000_000, 2: 60_000_000 };

function exploreSize(size: Size): Explored {
  const { jobs, attempts, workers, budget } = size;
  const spent = Object.entries(budget).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  const bounds = [`${jobs} jobs`, `${attempts} attempts`, `${workers} workers`, ...spent].join(", ");
  print(`${size.name}: ${bounds}`);
  const found = exploreJobs(size, undefined, MAX_STATES[jobs]);
  print(`  ${countsOf(found)}${found.isCut ? ", CUT SHORT" : ""}`);
  if (found.violation) printViolation(found);
  return { name: size.name, bounds, found };
}

function findPlanted(): readonly Explored[] {
  return Object.entries(plantedFaults).map(([fault, size]) => {
    const found = exploreJobs(size, fault as PlantedFault);
    print(`planted: ${fault}\n  ${found.violation ? "found" : "NOT FOUND"} after ${countsOf(found)}`);
    if (found.violation) printViolation(found);
    return { name: `planted: ${fault}`, bounds: "", found };
  });
}

async function record(
  isLarge: boolean,
  explored: readonly Explored[],
  planted: readonly Explored[],
): Promise<void> {
  const isFound = planted.filter(({ found }) => found.violation).length;
  await saveProof({
    name: "model",
    title: "Every order of events and faults, for small sizes",
    text: `A job's way through gateway, scheduler and scorer, by the product's own state machines: every state that can be reached is looked at, and whether each can still come to an end. Peak memory ${peakMemory()}. Of ${planted.length} planted faults ${isFound} are found.`,
    command: `npm run test:proof -- model${isLarge ? " --large" : ""} --record`,
    head: ["size", "bounds", "states", "transitions", "depth", "seconds", "broken properties"],
    rows: explored.map(({ name, bounds, found }) => [
      name,
      bounds,
      `${count(found.states)}${found.isCut ? ", cut short" : ""}`,
      count(found.transitions),
      count(found.depth),
      found.seconds.toFixed(0),
      found.violation?.property ?? "none",
    ]),
  });
}

function peakMemory(): string {
  return `${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(1)} GiB`;
}

function countsOf({ states, transitions, ends, depth, seconds }: Exploration): string {
  return `${count(states)} states, ${count(transitions)} transitions, ${ends} ends, depth ${depth}, ${seconds.toFixed(1)} s`;
}

function count(value: number): string {
  return value.toLocaleString("en-GB");
}

function printViolation({ violation }: Exploration): void {
  if (!violation) return;
  print(`  ${violation.property}`);
  for (const [index, label] of violation.trace.entries()) print(`    ${index + 1}. ${label}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
