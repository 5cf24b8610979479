import { expect, test } from "vitest";
import { killTargets, killUnderLoad } from "./kills.ts";
import { startSystem } from "./system.ts";

const KILLS_EACH = 2;
const SEED = process.env["GRADIENTS_SEED"] ?? String(Date.now() % 100_000);

test(`jobs survive kill -9 of every service and of trainers, ${KILLS_EACH} times each, seed ${SEED}`, async () => {
  await using system = await startSystem();
  const report = await killUnderLoad(system, {
    targets: killTargets,
    killsPerTarget: KILLS_EACH,
    seed: SEED,
    meanGapMs: 2_500,
    width: 1,
    contestants: 1,
  });
  console.log(`kills ${JSON.stringify(report)}`);
  expect(report.violations).toEqual([]);
  expect(Math.max(...report.recoverySeconds)).toBeLessThan(30);
});
