import { setTimeout as sleep } from "node:timers/promises";
import { createDatabase, type Database, ensureSchema, migrate } from "@gradients/db";
import { type AttemptId, type JobId, newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { createTestDatabase } from "@gradients/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Deps } from "../deps.ts";
import { newAttemptCore } from "../domain/attempt-machine.ts";
import type { GpuFleet, PodSpec } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { createObserve } from "../observe.ts";
import { findAttempt, insertAttempts } from "../store/attempts.ts";
import { lockFreeJobs, lockJob } from "../store/jobs.ts";
import { fenced, recordTerm } from "../store/leader.ts";
import { migrations } from "../store/migrations/index.ts";
import { listPlacements, saveAllWaiting } from "../store/placements.ts";
import type { Tables } from "../store/schema.ts";
import { findTokenHolder, hashToken } from "../store/tokens.ts";
import { wakeControlLoop } from "../store/wake.ts";
import { Backpressure } from "./backpressure.ts";
import { type ControlLoopOptions, createControlLoop } from "./control-loop.ts";
import { followPods } from "./follow-pods.ts";
import { placeAttempts } from "./place-attempts.ts";
import { sweep } from "./sweep.ts";

const cleanup = new AsyncDisposableStack();
const logger = createLogger({ service: "test", level: "silent" });
const classes = [{ name: "class", description: "", slots: 100, threadsPerSlot: 1 }];
let db: Database<Tables>;

beforeAll(async () => {
  const database = cleanup.use(await createTestDatabase());
  const role = `scheduler_${database.name}`;
  const url = await ensureSchema(database.url, { schema: "scheduler", role, password: "test" });
  db = createDatabase<Tables>({ url, schema: "scheduler", applicationName: "test", poolSize: 12 }, logger);
  cleanup.defer(() => db.close());
  await migrate(db, migrations);
}, 60_000);

afterAll(() => cleanup.disposeAsync());

const testDeps = () => {
  const parts = {
    db,
    rules: { placingLeaseSeconds: 60, leaseSeconds: 30, maxRetries: 3, retryDelaysSeconds: [0] },
    fleet: { classes },
    admission: {
      accounts: {},
      common: { priority: 0, weight: 1, maxSlots: null },
      patienceSeconds: 60,
      pools: {},
    },
    observe: createObserve(logger, classes),
  };
  return parts as unknown as Deps; // all that placing and following reach for
};

const place = async () => {
  const deps = testDeps();
  const placed = await placeAttempts(deps, [], await listPlacements(db.q), new Backpressure(1_000));
  return placed.toSorted((a, b) => a.attempt.attemptId.localeCompare(b.attempt.attemptId));
};

async function addQueued(): Promise<{ readonly jobId: JobId; readonly attemptId: AttemptId }> {
  const [jobId, attemptId, now] = [newId<JobId>(), newId<AttemptId>(), new Date()];
  await db.tx(async (tx) => {
    await lockJob(tx, jobId);
    const recipe = { recipeId: "r", title: "", summary: "", method: "lora", settings: {} };
    const work = { kind: "train", recipe: { ...recipe, isDefault: true, contestantHotkey: "h" } } as never;
    const common = { hardwareClass: "class", accountId: "", waiting: null, traceparent: null, result: null };
    const times = {
      queuedSince: now,
      createdAt: now,
      core: { ...newAttemptCore(tx.now), notBefore: new Date(0) },
    };
    await insertAttempts(tx, [{ attemptId, jobId, work, ...common, ...times }]);
  });
  return { jobId, attemptId };
}

/** Holds the job's lock while `fn` runs. */
async function whileLocked(jobId: JobId, fn: () => Promise<void>): Promise<void> {
  const [locked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = db.tx(async (tx) => {
    await lockJob(tx, jobId);
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  try {
    await fn();
  } finally {
    release.resolve();
    await holding;
  }
}

test("what is placed together has a token each; a job in other hands holds up nobody, and has its turn", async () => {
  const [first, held, last] = [await addQueued(), await addQueued(), await addQueued()];
  await whileLocked(held.jobId, async () => {
    const placed = await place();
    expect(placed.map(({ attempt }) => attempt.attemptId)).toEqual([first.attemptId, last.attemptId]);
    for (const { attempt, token } of placed) {
      const { attemptId, jobId } = attempt;
      expect(await findTokenHolder(db, hashToken(token))).toEqual({ attemptId, jobId, epoch: 0 });
    }
  });
  expect((await place()).map(({ attempt }) => attempt.attemptId)).toEqual([held.attemptId]);
  expect(await place()).toEqual([]);
});

test("who comes after a look that took long is placed before the next", async () => {
  const [stopping, started] = [new AbortController(), new Map<string, number>()];
  let looks = 0;
  const slow = {
    classes,
    list: () => sleep(300, ++looks && []),
    start: async ({ attemptId }: PodSpec) => {
      started.set(attemptId, performance.now());
      return "started";
    },
    watch: () => {},
  };
  const loop = createControlLoop({ ...testDeps(), fleet: slow as unknown as GpuFleet }, {
    leadership: (signal, lead) => lead(signal, db),
    backpressure: new Backpressure(1_000),
    relayTarget: () => "",
    pollSeconds: 1,
    logger,
  } as ControlLoopOptions);
  const running = loop.run?.(stopping.signal);
  await expect.poll(() => looks).toBe(1);
  const first = await addQueued();
  await expect.poll(() => started.has(first.attemptId)).toBe(true);
  const second = await addQueued();
  const queuedAt = performance.now();
  await db.tx(async (tx) => wakeControlLoop(tx));
  await expect.poll(() => started.get(second.attemptId), { interval: 5 }).toBeLessThan(queuedAt + 250);
  expect(looks).toBe(1);
  await expect.poll(() => looks, { timeout: 5_000 }).toBe(2);
  stopping.abort();
  await running;
});

test("jobs that are free are locked without a wait for the others", async () => {
  const [one, held] = [await addQueued(), await addQueued()];
  await whileLocked(held.jobId, async () => {
    const found = await db.tx((tx) => lockFreeJobs(tx, [held.jobId, one.jobId]));
    expect(found.map(({ jobId }) => jobId)).toEqual([one.jobId]);
  });
});

test("events that are the first about a job, at the same moment, find one row", async () => {
  const jobId = newId<JobId>();
  const found = await Promise.all(
    Array.from({ length: 10 }, () => db.tx(async (tx) => (await lockJob(tx, jobId)).state)),
  );
  expect(found).toEqual(Array(10).fill("waiting"));
});

test("what pods wait for is kept for placements of that epoch alone", async () => {
  const [own, other] = [await addQueued(), await addQueued()];
  await place();
  const waiting = { reason: "starting", message: "it starts" } as const;
  await db.tx((tx) =>
    saveAllWaiting(tx, [
      { placement: { attemptId: own.attemptId, epoch: 0 }, waiting },
      { placement: { attemptId: other.attemptId, epoch: 1 }, waiting },
    ]),
  );
  const kept = new Map((await listPlacements(db.q)).map((one) => [one.attemptId, one.waiting]));
  expect([kept.get(own.attemptId), kept.get(other.attemptId)]).toEqual([waiting, null]);
});

test("a Job of before an upgrade without a pod is made anew, unless its agent has spoken: then its pod has just not been heard of", async () => {
  const [waiting, running] = [await addQueued(), await addQueued()];
  await place();
  await db.q
    .updateTable("attempt")
    .set({ state: "running" })
    .where("attempt_id", "=", running.attemptId)
    .execute();
  const phase = { kind: "ended", cause: "outdated", exitCode: null, message: "" } as const;
  const pods = [waiting, running].map(({ attemptId }) => ({
    name: podName(attemptId, 0),
    attemptId,
    epoch: 0,
    hardwareClass: "class",
    phase,
  }));
  await followPods(testDeps(), pods, await listPlacements(db.q));
  const states = async ({ attemptId }: { readonly attemptId: AttemptId }) =>
    (await findAttempt(db.q, attemptId))?.core;
  expect(await states(running)).toMatchObject({ state: "running", epoch: 0 });
  expect(await states(waiting)).toMatchObject({ state: "queued", epoch: 1 });
});

test("a placement whose lease was over before the cluster told of its lost machine is no loss, however often that is told", async () => {
  const { attemptId } = await addQueued();
  await place();
  const past = { lease_expires_at: new Date(0) };
  await db.q.updateTable("attempt").set(past).where("attempt_id", "=", attemptId).execute();
  await sweep(testDeps());
  const core = async () => (await findAttempt(db.q, attemptId))?.core;
  expect(await core()).toMatchObject({ state: "queued", epoch: 1, losses: 1, lostEpochs: [0] });
  await place();
  const waiting = { reason: "unschedulable", message: "no machine fits" } as const;
  await db.tx((tx) => saveAllWaiting(tx, [{ placement: { attemptId, epoch: 1 }, waiting }]));
  const phase = { kind: "ended", cause: "node_lost", exitCode: null, message: "" } as const;
  const pod = { name: podName(attemptId, 0), attemptId, epoch: 0, hardwareClass: "class", phase };
  const [forgiven, crashed] = [vi.fn(), vi.fn()];
  const deps = testDeps();
  const observe = { ...deps.observe, lossForgiven: forgiven, podCrashed: crashed };
  for (const _twice of [1, 2]) {
    await followPods({ ...deps, observe }, [pod], await listPlacements(db.q));
    expect(await core()).toMatchObject({ state: "placing", epoch: 1, losses: 0, lostEpochs: [] });
  }
  expect((await findAttempt(db.q, attemptId))?.waiting).toEqual(waiting);
  expect(forgiven.mock.calls).toEqual([[pod.name, phase]]);
  expect(crashed).not.toHaveBeenCalled();
});

test("who leads no more prolongs no lease, whether its pods wait or it was away itself", async () => {
  const { attemptId } = await addQueued();
  await place();
  await recordTerm(db, "test", 1n);
  const deposed = fenced(db, "test", 1n);
  await recordTerm(db, "test", 2n);
  const soon = new Date(Date.now() + 5_000);
  await db.q
    .updateTable("attempt")
    .set({ lease_expires_at: soon })
    .where("attempt_id", "=", attemptId)
    .execute();
  const phase = { kind: "pending", reason: "unschedulable", message: "" } as const;
  const pod = { name: podName(attemptId, 0), attemptId, epoch: 0, hardwareClass: "class", phase };
  const following = followPods({ ...testDeps(), db: deposed }, [pod], await listPlacements(db.q));
  await expect(following).rejects.toThrow("Term 1 is over");
  expect(await firstFault(deposed)).toMatchObject({ message: "Term 1 is over, term 2 leads" });
  expect((await findAttempt(db.q, attemptId))?.core.leaseExpiresAt).toEqual(soon);
});

/** Of a control loop that has been away for long and believes that it leads. */
async function firstFault(own: Database<Tables>): Promise<unknown> {
  const [stopping, fault] = [new AbortController(), Promise.withResolvers<unknown>()];
  const { observe, ...rest } = testDeps();
  const fleet = { classes, list: async () => [], watch: () => {} } as unknown as GpuFleet;
  const loop = createControlLoop(
    { ...rest, fleet, observe: { ...observe, passFailed: fault.resolve, passDone: fault.resolve } },
    { leadership: (signal, lead) => lead(signal, own), pollSeconds: 1, logger } as ControlLoopOptions,
  );
  const running = loop.run?.(stopping.signal);
  const found = await fault.promise;
  stopping.abort();
  await running;
  return found;
}
