import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Failpoint, failpoints, isFailpoint, type Rng } from "@gradients/kernel";
import { checkOutcome } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import type { Environment } from "./service-process.ts";
import { type ProgramName, podEnvironmentVariable, type System, serviceNames } from "./system.ts";
import type { Violation } from "./violation.ts";

/** A failpoint in one of the programs that pass it. */
export interface FailpointCase {
  readonly name: Failpoint;
  readonly place: ProgramName;
  /** How often that program passed it in an undisturbed run, start-up included. */
  readonly passes: number;
}

export interface FailpointRun {
  /** Where its program died. */
  readonly hit: readonly FailpointCase[];
  readonly missed: readonly FailpointCase[];
  readonly violations: readonly Violation[];
}

const programs: readonly ProgramName[] = [...serviceNames, "trainer-gpu"];
const DRAIN_MS = 600_000;

/** What a customer's day passes: a data set, a job, a job that is called off. */
async function aDay(system: System, name: string): Promise<Customer> {
  const customer = new Customer(system, name);
  await customer.prepare();
  await customer.order({ contestants: 1, budgetSeconds: 2 });
  const regretted = await customer.order({ contestants: 1 });
  await customer.cancel(regretted.name);
  await customer.allEnded(DRAIN_MS);
  return customer;
}

/** One undisturbed day, in which every program writes down what it passes. */
export async function observeFailpoints(
  system: System,
  customers: Customer[],
): Promise<readonly FailpointCase[]> {
  const recordOf = await recordsOf(system, "passed");
  await equip(system, (place) => ({ GRADIENTS_FAILPOINT_RECORD: recordOf(place) }));
  customers.push(await aDay(system, "observed"));
  await disarm(system);
  const found = await Promise.all(
    programs.map(async (place) => countPasses(place, await readFile(recordOf(place), "utf8"))),
  );
  return found.flat();
}

/** Some boundaries are passed on some days only. */
const DAYS = 4;

/**
 * Days in which programs die as they pass there, each at one after the other, started again each time; first at any pass, from the second day on at
 * the first one. Then everything must hold.
 */
export async function dieAt(
  system: System,
  customers: Customer[],
  cases: readonly FailpointCase[],
  rng: Rng,
): Promise<FailpointRun> {
  const run = `died-${customers.length}`;
  const recordOf = await recordsOf(system, run);
  const isMissed = ({ name, place }: FailpointCase) => !existsSync(`${recordOf(place)}.killed-${name}`);
  for (let day = 0; day < DAYS && cases.some(isMissed); day += 1) {
    const missed = cases.filter(isMissed);
    const passOf = ({ passes }: FailpointCase) => (day === 0 ? 1 + rng.int(Math.ceil(passes / 2)) : 1);
    await equip(system, (place) => ({
      GRADIENTS_FAILPOINT_RECORD: recordOf(place),
      GRADIENTS_FAILPOINT: missed
        .filter((one) => one.place === place)
        .map((one) => `${one.name}@${passOf(one)}`)
        .join(","),
    }));
    customers.push(await aDay(system, `${run}-${day}`));
  }
  await disarm(system);
  const violations = await checkOutcome(system, customers);
  return { hit: cases.filter((one) => !isMissed(one)), missed: cases.filter(isMissed), violations };
}

/** The ones of the list that none of the cases is about. */
export function neverPassed(cases: readonly FailpointCase[]): readonly Failpoint[] {
  const passed = new Set(cases.map(({ name }) => name));
  return Object.keys(failpoints)
    .filter(isFailpoint)
    .filter((name) => !passed.has(name));
}

async function recordsOf({ logs }: System, name: string): Promise<(place: ProgramName) => string> {
  const folder = join(logs, "failpoints");
  await mkdir(folder, { recursive: true });
  return (place) => join(folder, `${name}-${place}`);
}

/** Starts every service anew with these variables, and with those of its pods where it starts them; they hold for each start that follows. */
async function equip(
  { services, podEnvironment, restart }: System,
  variablesOf: (place: ProgramName) => Environment,
): Promise<void> {
  const pods = podEnvironmentVariable({ ...podEnvironment, ...variablesOf("trainer-gpu") });
  for (const name of serviceNames)
    services[name].extra = { ...variablesOf(name), ...(name === "scheduler" && pods) };
  await Promise.all(serviceNames.map((name) => restart(name)));
}

function disarm(system: System): Promise<void> {
  return equip(system, () => ({}));
}

/** Lines `<pid> <failpoint>`. */
function countPasses(place: ProgramName, record: string): readonly FailpointCase[] {
  const counts = new Map<Failpoint, number>();
  for (const line of record.trim().split("\n")) {
    const name = line.split(" ")[1] ?? "";
    if (isFailpoint(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, passes]) => ({ name, place, passes }));
}
