import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AttemptFinishedSchema,
  AttemptStartedSchema,
  EvaluationFinishedSchema,
} from "@gradients/contracts/event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findAttempt } from "./store/attempts.ts";
import { agentPid, runningInGroup } from "./test/processes.ts";
import { createWorld, type World } from "./test/world.ts";

const agent = fileURLToPath(new URL("test/agent-with-engine.ts", import.meta.url));

let world: World;

beforeEach(async () => {
  world = await createWorld();
});

afterEach(() => world[Symbol.asyncDispose]());

/** What the engine has left and an agent of another user, but of its group, could not read. */
async function closedToTheGroup(attemptId: string): Promise<string[]> {
  const folder = join(world.fleetDir, `attempt-${attemptId}-e0/scratch/attempt/checkpoints`);
  const names = await readdir(folder, { recursive: true });
  const modes = names.map(async (name) => {
    const found = await stat(join(folder, name)).catch(() => undefined); // old ones are being removed
    return found && (found.mode & 0o040) === 0 ? [name] : [];
  });
  expect(names.length).toBeGreaterThan(1);
  return (await Promise.all(modes)).flat();
}

const template = fileURLToPath(
  new URL("../../../deploy/images/contestant-template/trainer.py", import.meta.url),
);

test.each([
  ["the platform's engine", {}],
  ["a contestant's program, made from the template,", { TEST_PROGRAM: template }],
])(
  "%s beside its agent trains, saves when the platform stops, goes on from there, and its artifact is evaluated",
  {
    timeout: 180_000,
  },
  async (_what, podEnvironment) => {
    const env = {
      SCHEDULER_FLEET_AGENT: agent,
      SCHEDULER_FLEET_POD_ENVIRONMENT: JSON.stringify(podEnvironment),
    };
    const scheduler = await world.startScheduler(env);
    const jobId = await world.openJob({ contestants: 1, budgetSeconds: 6 });
    const [started] = await world.waitFor(AttemptStartedSchema, 1);
    const attemptId = started?.attemptId ?? "";
    const pid = await agentPid(world, attemptId);
    await vi.waitFor(
      async () => {
        const attempt = await findAttempt(world.db.q, attemptId);
        expect(attempt?.core.checkpoint?.step).toBeGreaterThan(0);
      },
      { timeout: 60_000, interval: 100 },
    );
    expect(await closedToTheGroup(attemptId)).toEqual([]);
    await scheduler.stop();
    expect(await runningInGroup(pid)).toEqual([]);
    const stopped = await findAttempt(world.db.q, attemptId);
    expect(stopped).toMatchObject({ core: { state: "queued", epoch: 1, losses: 0 } });

    const again = await world.startScheduler(env);
    const [finished] = await world.waitFor(AttemptFinishedSchema, 1);
    expect(finished?.stats?.trainSeconds).toBeLessThan(8);
    const resumed = world.progress.flatMap(({ epoch, points }) => (epoch === 1 ? points : []));
    expect(Number(resumed[0]?.step)).toBeGreaterThan(stopped?.core.checkpoint?.step ?? 0);

    // Evaluations are the platform's own work.
    await again.stop();
    await world.startScheduler({ SCHEDULER_FLEET_AGENT: agent });
    const evaluationId = await world.requestEvaluation(jobId, finished);
    const [evaluated] = await world.waitFor(EvaluationFinishedSchema, 1, 90_000);
    const checks = { loads: true, finite: true, changed: true, safetensorsOnly: true };
    expect(evaluated).toMatchObject({ evaluationId, checks });
  },
);
