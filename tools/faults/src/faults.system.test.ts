import { readFile } from "node:fs/promises";
import { checkHistory } from "@gradients/history";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkOutcome, promiseNames } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import { killTrainer, serverFaults, serviceFaults } from "./faults.ts";
import { askEveryService } from "./outage.ts";
import { strikeUnderLoad } from "./strike-under-load.ts";
import { type System, serviceNames, startSystem } from "./system.ts";
import { forgeBreaches } from "./test/forge-breaches.ts";

const TIMES = 2;
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

test(`jobs survive kill -9 of services, trainers and servers, ${TIMES} times each, seed ${SEED}`, async () => {
  const report = await strikeUnderLoad(system, customer, {
    faults: [...serviceFaults, killTrainer, ...serverFaults],
    times: TIMES,
    seed: SEED,
    meanGapMs: 2_000,
    width: 1,
    contestants: 1,
  });
  expect(report.violations).toEqual([]);
  expect(Math.max(...report.requeuedSeconds)).toBeLessThan(30);
  const { accepted, ended, problems } = checkHistory(await readFile(system.history.file, "utf8"));
  expect(problems).toEqual([]);
  expect([accepted, ended]).toEqual([customer.accepted.length, customer.accepted.length]);
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

test("every promise, broken by hand, is found broken", async () => {
  await forgeBreaches(system, customer);
  const broken = (await checkOutcome(system, [customer], 0)).map(({ promise }) => promise);
  expect([...new Set(broken)].toSorted()).toEqual(promiseNames.toSorted());
});
