import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AttemptFinishedSchema, AttemptStartedSchema } from "@gradients/contracts/event";
import { faultTimes, noteFigures } from "@gradients/testkit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findAttempt } from "./store/attempts.ts";
import { agentPid, enginePid } from "./test/processes.ts";
import { createWorld, type World } from "./test/world.ts";

let world: World;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "twins-"));
  world = await createWorld();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** One recipe under two names: by steps and not by time, so that nothing but the rows and the seed decides what comes out. */
const settings = {
  learning_rate: 1e-3,
  schedule: "constant",
  batch_size: 2,
  epochs: 12,
  lora: { rank: 4, dropout: 0.1 },
};
const twins = ["one", "other"].map((id) => ({
  id,
  title: id,
  summary: "As its twin.",
  method: "lora",
  settings,
  default: id === "one",
}));

const pairs = Array.from({ length: faultTimes(1) }, (_, index) => index + 1);

test.each(pairs)(
  "an attempt whose engine and agent were killed in turn brings the same bytes as its undisturbed twin (%i)",
  {
    timeout: 240_000,
  },
  async () => {
    const file = join(folder, "twins.json");
    await writeFile(file, JSON.stringify(twins));
    await world.startScheduler({ SCHEDULER_RECIPES_FILE: file });
    await world.openJob({ contestants: 2, budgetSeconds: 200 });
    const [disturbed] = await world.waitFor(AttemptStartedSchema, 2);
    const attemptId = disturbed?.attemptId ?? "";
    const first = await checkpointAfter(attemptId, 0);
    process.kill(await enginePid(await agentPid(world, attemptId)), "SIGKILL");
    await checkpointAfter(attemptId, first);
    process.kill(await agentPid(world, attemptId, 1), "SIGKILL");
    const finished = await world.waitFor(AttemptFinishedSchema, 2, 120_000);
    expect((await findAttempt(world.db.q, attemptId))?.core.epoch).toBe(2);
    const [one, other] = finished.map(({ artifact }) =>
      artifact.map(({ name, object }) => [name, object?.sha256]),
    );
    expect(one?.length).toBeGreaterThan(0);
    expect(other).toEqual(one);
    noteFigures({
      promise: "an attempt that goes on from its checkpoint brings the digests of its undisturbed twin",
      tries: 1,
      failures: 0,
      faults: { "kill -9 of its engine": 1, "kill -9 of its agent": 1 },
      load: { "files compared": one?.length ?? 0 },
    });
  },
);

/** The step of the first checkpoint of a later step. */
async function checkpointAfter(attemptId: string, step: number): Promise<number> {
  return vi.waitFor(
    async () => {
      const saved = (await findAttempt(world.db.q, attemptId))?.core.checkpoint?.step ?? 0;
      expect(saved).toBeGreaterThan(step);
      return saved;
    },
    { timeout: 60_000, interval: 50 },
  );
}
