import { expect, test } from "vitest";
import { Customer } from "./customer.ts";
import { killTrainer, serverFaults, serviceFaults } from "./faults.ts";
import { strikeUnderLoad } from "./strike-under-load.ts";
import { startSystem } from "./system.ts";

const TIMES = 2;
const SEED = process.env["GRADIENTS_SEED"] ?? String(Date.now() % 1_000_000);

test(`jobs survive kill -9 of services, trainers and servers, ${TIMES} times each, seed ${SEED}`, async () => {
  await using system = await startSystem();
  using customer = new Customer(system);
  await customer.prepare();
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
});
