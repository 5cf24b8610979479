import fc from "fast-check";
import { expect, test } from "vitest";
import { commands, openRace } from "./commands.ts";
import { Expected } from "./expected.ts";
import { RealStore } from "./real-store.ts";

/** PROOF_RUNS and PROOF_SEED: more histories, and the same ones again. */
const runs = Number(process.env["PROOF_RUNS"] ?? 15);
const seed = Number(process.env["PROOF_SEED"] ?? Date.now() % 2 ** 31);

test(
  "the scheduler's tables hold what its model says, after every command of random histories",
  async () => {
    await using real = await RealStore.open();
    const said = new Map<string, number>();
    let steps = 0;
    const property = fc.asyncProperty(commands, async (history) => {
      const model = new Expected();
      await real.empty();
      await openRace(model, real);
      await fc.asyncModelRun(() => ({ model, real }), history);
      steps += [...history].length;
      for (const [type, count] of Object.entries(model.said)) said.set(type, (said.get(type) ?? 0) + count);
    });
    await fc.assert(property, { numRuns: runs, seed });
    const events = [...said].map(([type, count]) => `${count} ${type}`).join(", ");
    process.stdout.write(`${runs} histories, ${steps} commands, ${events}; seed ${seed}\n`);
    expect(steps).toBeGreaterThan(runs);
  },
  runs * 8_000,
);
