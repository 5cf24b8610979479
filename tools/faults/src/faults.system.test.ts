import { readFile } from "node:fs/promises";
import { checkHistory } from "@gradients/history";
import type { Entry } from "@gradients/history/entry";
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
