import { AttemptFailedSchema } from "@gradients/contracts/event";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { agentPid, runningInGroup } from "./test/processes.ts";
import { createWorld, type World } from "./test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.startScheduler({
    SCHEDULER_ATTEMPTS_STARTUP_SECONDS: "0.5",
    SCHEDULER_ATTEMPTS_FINISH_SECONDS: "0.5",
  });
});

afterAll(() => world[Symbol.asyncDispose]());

test("the agent ends the engine at the attempt's deadline and says so", { timeout: 60_000 }, async () => {
  await world.openJob({ contestants: 1, budgetSeconds: 1 });
  const [failed] = await world.waitFor(AttemptFailedSchema, 1, 30_000);
  expect(failed?.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  const pid = await agentPid(world, failed?.attemptId ?? "").catch(() => undefined);
  if (pid !== undefined)
    await vi.waitFor(async () => expect(await runningInGroup(pid)).toEqual([]), { timeout: 20_000 });
});
