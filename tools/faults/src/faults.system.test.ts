import { readFile } from "node:fs/promises";
import { checkHistory } from "@gradients/history";
import type { Entry } from "@gradients/history/entry";
import { Rng } from "@gradients/kernel";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkOutcome, promiseNames } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import { dieAt, observeFailpoints } from "./failpoint-runs.ts";
import { unexplained } from "./failpoint-suite.ts";
import { killTrainer, serverFaults, serviceFaults } from "./faults.ts";
import { askEveryService } from "./outage.ts";
import { measureOf } from "./results.ts";
import { REQUEUED_LIMIT_SECONDS } from "./run-suite.ts";
import { repeated, strikeUnderLoad } from "./strike-under-load.ts";
import { type System, serviceNames, startSystem } from "./system.ts";
import { forgeBreaches } from "./test/forge-breaches.ts";

const KILLS = 20;
const CRASHES = 2;
const DEATHS_AT_FAILPOINTS = 3;
const SEED = process.env["GRADIENTS_SEED"] ?? String(Date.now() % 1_000_000);

let system: System;
let customer: Customer;

beforeAll(async () => {
  system = await startSystem();
  customer = new Customer(system);
  await customer.prepare();
});

afterAll(async () => {
  customer?.[Symbol.dispose]();
  await system?.[Symbol.asyncDispose]();
});

test(`jobs survive kill -9 of every service and of trainers, ${KILLS} times each, and of servers, ${CRASHES} times each, seed ${SEED}`, async () => {
  const { violations, requeuedSeconds } = await strikeUnderLoad(system, customer, {
    strikes: [...repeated([...serviceFaults, killTrainer], KILLS), ...repeated(serverFaults, CRASHES)],
    seed: SEED,
    meanGapMs: 600,
    width: 2,
    contestants: 1,
  });
  expect(violations).toEqual([]);
  const [requeued] = measureOf("killed trainer to queued anew", "s", REQUEUED_LIMIT_SECONDS, requeuedSeconds);
  process.stdout.write(`${JSON.stringify(requeued)}\n`);
  expect(requeued?.p99).toBeLessThan(REQUEUED_LIMIT_SECONDS);
  const { accepted, ended, problems } = checkHistory(await history());
  expect(problems).toEqual([]);
  expect([accepted, ended]).toEqual([customer.accepted.length, customer.accepted.length]);
});

test("every job was watched entry by entry, and a history that lacks one of them, or has it twice, is found out", async () => {
  const lines = (await history()).trimEnd().split("\n");
  const offsets = lines.map((line) => offsetOf(JSON.parse(line)));
  expect(offsets.filter((offset) => offset === "2")).toHaveLength(customer.accepted.length);
  const second = offsets.indexOf("2");
  for (const forged of [lines.toSpliced(second, 1), lines.toSpliced(second, 0, lines[second] ?? "")]) {
    const { problems } = checkHistory(`${forged.join("\n")}\n`);
    expect(problems.map(({ property }) => property)).toContain("offsets");
  }
});

test("while PostgreSQL is stopped every service asks its callers to try again", async () => {
  await system.control.stopPostgres();
  try {
    const tryAgain = { code: "UNAVAILABLE", reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1_000 };
    expect(await askEveryService(system)).toMatchObject(
      Object.fromEntries(serviceNames.map((name) => [name, tryAgain])),
    );
  } finally {
    await system.control.startPostgres();
  }
});

test(`every failpoint is known to be passed or why not, and ${DEATHS_AT_FAILPOINTS} of them are survived, seed ${SEED}`, async () => {
  const customers = [customer];
  const rng = new Rng(SEED);
  const cases = await observeFailpoints(system, customers);
  expect(unexplained(cases)).toEqual([]);
  const some = rng.shuffle(cases).slice(0, DEATHS_AT_FAILPOINTS);
  const { hit, violations } = await dieAt(system, customers, some, rng);
  process.stdout.write(`died at ${hit.map(({ name, place }) => `${name} in ${place}`).join(", ")}\n`);
  expect(violations).toEqual([]);
  for (const other of customers.slice(1)) {
    customer.accepted.push(...other.accepted);
    other[Symbol.dispose]();
  }
});

test("every promise, broken by hand, is found broken", async () => {
  await forgeBreaches(system, customer);
  const broken = (await checkOutcome(system, [customer], 0)).map(({ promise }) => promise);
  expect([...new Set(broken)].toSorted()).toEqual(promiseNames.toSorted());
});

function history(): Promise<string> {
  return readFile(system.history.file, "utf8");
}

/** Of an entry of a job's log. */
function offsetOf({ op, type, value }: Entry): string | undefined {
  return op === "watch" && type === "ok" ? (value as { readonly offset: string }).offset : undefined;
}
