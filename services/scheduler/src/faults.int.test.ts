import { type ChildProcess, spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  AttemptFinishedSchema,
  AttemptStartedSchema,
  JobCancelledSchema,
  RaceFinishedSchema,
} from "@gradients/contracts/event";
import { freePort } from "@gradients/testkit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findAttempt } from "./store/attempts.ts";
import { agentPid, runningInGroup } from "./test/processes.ts";
import { createWorld, type World } from "./test/world.ts";

const TIMEOUT = 180_000;

let world: World;
let children: ChildProcess[];

beforeEach(async () => {
  world = await createWorld();
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await world[Symbol.asyncDispose]();
});

/** A scheduler in a process of its own, which can be killed without a chance to clean up. Pods know its relay by a lasting address. */
function spawnScheduler(relayPort: number): ChildProcess {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { ...world.env, SCHEDULER_RELAY_PORT: String(relayPort), PATH: process.env["PATH"] },
    stdio: "inherit",
  });
  children.push(child);
  return child;
}

async function checkpointOf(attemptId: string): Promise<number> {
  return vi.waitFor(
    async () => {
      const attempt = await findAttempt(world.db.q, attemptId);
      expect(attempt?.core.checkpoint?.step).toBeGreaterThan(0);
      return attempt?.core.checkpoint?.step ?? 0;
    },
    { timeout: 60_000, interval: 100 },
  );
}

test("an attempt whose agent is killed goes on from its checkpoint within the lease", {
  timeout: TIMEOUT,
}, async () => {
  await world.startScheduler();
  await world.openJob({ contestants: 1, budgetSeconds: 8 });
  const [started] = await world.waitFor(AttemptStartedSchema, 1);
  const attemptId = started?.attemptId ?? "";
  const pid = await agentPid(world, attemptId);
  const step = await checkpointOf(attemptId);
  const killedAt = Date.now();
  process.kill(pid, "SIGKILL");
  const [, again] = await world.waitFor(AttemptStartedSchema, 2, 30_000);
  expect(again).toMatchObject({ attemptId, epoch: 1 });
  expect(Date.now() - killedAt).toBeLessThan(10_000);
  expect(await runningInGroup(pid)).toEqual([]);
  const [finished] = await world.waitFor(AttemptFinishedSchema, 1);
  expect(finished?.stats?.trainSeconds).toBeGreaterThan(6);
  expect(finished?.stats?.trainSeconds).toBeLessThan(9);
  const resumed = world.progress.flatMap(({ epoch, points }) => (epoch === 1 ? points : []));
  expect(Number(resumed[0]?.step)).toBeGreaterThan(step);
  await world.waitFor(RaceFinishedSchema, 1);
});

test("a scheduler that is killed finds its pods again: none lost, none twice", {
  timeout: TIMEOUT,
}, async () => {
  const relayPort = await freePort();
  const first = spawnScheduler(relayPort);
  await world.openJob({ budgetSeconds: 12 });
  const started = await world.waitFor(AttemptStartedSchema, 2);
  const pids = await Promise.all(started.map(({ attemptId }) => agentPid(world, attemptId)));
  first.kill("SIGKILL");
  spawnScheduler(relayPort);
  const [race] = await world.waitFor(RaceFinishedSchema, 1, 90_000);
  expect(race?.entries.map(({ failure }) => failure)).toEqual([undefined, undefined]);
  // The same event may come twice: it was published, and its publisher killed before it could note that.
  const starts = new Set(world.seen(AttemptStartedSchema).map((one) => `${one.attemptId} ${one.epoch}`));
  expect([...starts]).toEqual(started.map(({ attemptId }) => `${attemptId} 0`));
  const epochs = await Promise.all(started.map(({ attemptId }) => findAttempt(world.db.q, attemptId)));
  expect(epochs.map((attempt) => attempt?.core.epoch)).toEqual([0, 0]);
  await vi.waitFor(async () => expect(await readdir(world.fleetDir)).toEqual([]), { timeout: 30_000 });
  expect((await Promise.all(pids.map(runningInGroup))).flat()).toEqual([]);
});

test("a cancelled job leaves no process and ends without a race result", { timeout: TIMEOUT }, async () => {
  await world.startScheduler();
  const jobId = await world.openJob({ budgetSeconds: 60 });
  const started = await world.waitFor(AttemptStartedSchema, 2);
  const pids = await Promise.all(started.map(({ attemptId }) => agentPid(world, attemptId)));
  await world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () => expect(await readdir(world.fleetDir)).toEqual([]), { timeout: 30_000 });
  expect((await Promise.all(pids.map(runningInGroup))).flat()).toEqual([]);
  const attempts = await Promise.all(started.map(({ attemptId }) => findAttempt(world.db.q, attemptId)));
  expect(attempts.map((attempt) => attempt?.core.state)).toEqual(["cancelled", "cancelled"]);
  expect(world.seen(RaceFinishedSchema)).toEqual([]);
});

test("an orderly stop saves what runs; the next scheduler goes on from there", {
  timeout: TIMEOUT,
}, async () => {
  const scheduler = await world.startScheduler();
  await world.openJob({ contestants: 1, budgetSeconds: 10 });
  const [started] = await world.waitFor(AttemptStartedSchema, 1);
  const attemptId = started?.attemptId ?? "";
  const pid = await agentPid(world, attemptId);
  await checkpointOf(attemptId);
  await scheduler.stop();
  expect(await runningInGroup(pid)).toEqual([]);
  expect(await readdir(world.fleetDir)).toEqual([]);
  expect(await findAttempt(world.db.q, attemptId)).toMatchObject({
    core: { state: "queued", epoch: 1, losses: 0 },
  });
  await world.startScheduler();
  await world.waitFor(AttemptFinishedSchema, 1);
});
