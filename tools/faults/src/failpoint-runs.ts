import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Failpoint, failpoints, isFailpoint, type Rng } from "@gradients/kernel";
import { checkOutcome } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import type { Environment } from "./service-process.ts";
import { podEnvironmentVariable, type ServiceName, type System, serviceNames } from "./system.ts";
import type { Violation } from "./violation.ts";

type Place = ServiceName | "trainer-gpu";

/** A failpoint in one of the programs that pass it. */
export interface FailpointCase {
  readonly name: Failpoint;
  readonly place: Place;
  /** How often that program passed it in an undisturbed run, start-up included. */
  readonly passes: number;
}

export interface FailpointRun {
  /** Whether it died there. */
  readonly hit: boolean;
  readonly violations: readonly Violation[];
}

const places: readonly Place[] = [...serviceNames, "trainer-gpu"];
const DRAIN_MS = 120_000;

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
  const folder = join(system.logs, "failpoints");
  await mkdir(folder, { recursive: true });
  const recordOf = (place: Place) => join(folder, `passed-${place}`);
  const pods = podsWith(system, { GRADIENTS_FAILPOINT_RECORD: recordOf("trainer-gpu") });
  for (const name of serviceNames)
    await system.restart(name, {
      GRADIENTS_FAILPOINT_RECORD: recordOf(name),
      ...(name === "scheduler" && pods),
    });
  customers.push(await aDay(system, "observed"));
  for (const name of serviceNames) await system.restart(name);
  const found = await Promise.all(
    places.map(async (place) => countPasses(place, await readFile(recordOf(place), "utf8"))),
  );
  return found.flat();
}

/** Some boundaries are passed on some days only. */
const DAYS = 3;

/** A day in which that program dies as it passes there, at the first of three on which it does; it is started again without. Then everything must hold. */
export async function dieAt(
  system: System,
  customers: Customer[],
  one: FailpointCase,
  rng: Rng,
): Promise<FailpointRun> {
  let hit = await dayWithDeath(system, customers, one, 1 + rng.int(Math.ceil(one.passes / 2)));
  for (let day = 1; day < DAYS && !hit; day += 1) hit = await dayWithDeath(system, customers, one, 1);
  return { hit, violations: await checkOutcome(system, customers) };
}

/** Whether it died. */
async function dayWithDeath(
  system: System,
  customers: Customer[],
  { name, place }: FailpointCase,
  pass: number,
): Promise<boolean> {
  const day = `${name}-${place}-${customers.length}`;
  const record = join(system.logs, "failpoints", day);
  const armed = { GRADIENTS_FAILPOINT: `${name}@${pass}`, GRADIENTS_FAILPOINT_RECORD: record };
  const service = place === "trainer-gpu" ? "scheduler" : place;
  await system.restart(service, place === "trainer-gpu" ? podsWith(system, armed) : armed);
  customers.push(await aDay(system, day));
  const hit = existsSync(`${record}.killed`);
  if (place === "trainer-gpu" || !hit) await system.restart(service);
  return hit;
}

/** The ones of the list that none of the cases is about. */
export function neverPassed(cases: readonly FailpointCase[]): readonly Failpoint[] {
  const passed = new Set(cases.map(({ name }) => name));
  return Object.keys(failpoints)
    .filter(isFailpoint)
    .filter((name) => !passed.has(name));
}

function podsWith({ podEnvironment }: System, more: Environment): Environment {
  return podEnvironmentVariable({ ...podEnvironment, ...more });
}

/** Lines `<pid> <failpoint>`. */
function countPasses(place: Place, record: string): readonly FailpointCase[] {
  const counts = new Map<Failpoint, number>();
  for (const line of record.trim().split("\n")) {
    const name = line.split(" ")[1] ?? "";
    if (isFailpoint(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, passes]) => ({ name, place, passes }));
}
