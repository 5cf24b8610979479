import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  AttemptFailedSchema,
  AttemptStartedSchema,
  AttemptWaitingSchema,
  JobCancelledSchema,
  WaitReason,
} from "@gradients/contracts/event";
import { AttemptState } from "@gradients/contracts/scheduler";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fenced, newestTerm, recordTerm } from "./store/leader.ts";
import { type ClusterWorld, createClusterWorld, eventually } from "./test/cluster-world.ts";

let cluster: ClusterWorld;

beforeEach(async () => {
  cluster = await createClusterWorld({
    SCHEDULER_ATTEMPTS_PLACING_LEASE_SECONDS: "4",
    SCHEDULER_ATTEMPTS_MAX_RETRIES: "1",
    SCHEDULER_ATTEMPTS_STOP_GRACE_SECONDS: "3",
  });
}, 60_000);

afterEach(() => cluster[Symbol.asyncDispose](), 60_000);

/** A race of one that runs: its attempt has been assigned to its pod. */
async function runSolo(): Promise<{
  readonly jobId: string;
  readonly attemptId: string;
  readonly pod: string;
}> {
  const jobId = await cluster.world.openJob({ contestants: 1 });
  const [attempt] = await eventually(() => cluster.attemptsOf(jobId), { length: 1 });
  const attemptId = attempt?.attemptId ?? "";
  const pod = `attempt-${attemptId}-e0`;
  const relay = await cluster.speakAs(pod);
  await relay.getAssignment({ epoch: 0 });
  return { jobId, attemptId, pod };
}

async function sayOfPod(jobName: string, status: object): Promise<void> {
  const pods = cluster.server.store.list("/api/v1/namespaces/trainers/pods");
  const pod = pods.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === jobName);
  await cluster.ground.kubelet.setStatus(pod?.metadata.name ?? "", status);
}

test("a race becomes Jobs whose pods speak with their own tokens; a cancelled one leaves nothing", {
  timeout: 60_000,
}, async () => {
  await cluster.start();
  const jobId = await cluster.world.openJob({ contestants: 2 });
  const attempts = await eventually(() => cluster.attemptsOf(jobId), { length: 2 });
  for (const { attemptId } of attempts) {
    const relay = await cluster.speakAs(`attempt-${attemptId}-e0`);
    expect((await relay.getAssignment({ epoch: 0 })).attemptId).toBe(attemptId);
  }
  await cluster.world.waitFor(AttemptStartedSchema, 2);
  await cluster.world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () => expect(await cluster.ground.leftovers()).toEqual([]), { timeout: 20_000 });
});

test("an eviction is the platform's: placed again, however often, and not counted", {
  timeout: 90_000,
}, async () => {
  await cluster.start();
  const { jobId, attemptId } = await runSolo();
  for (const epoch of [0, 1, 2]) {
    const name = `attempt-${attemptId}-e${epoch}`;
    await cluster.ground.tokenOf(name);
    await sayOfPod(name, {
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
    });
    await eventually(() => cluster.attemptsOf(jobId), [{ epoch: epoch + 1 }]);
  }
  await cluster.ground.tokenOf(`attempt-${attemptId}-e3`);
  await eventually(() => cluster.jobNames(), [`attempt-${attemptId}-e3`]);
  const [attempt] = await cluster.attemptsOf(jobId);
  expect(attempt?.state).toBe(AttemptState.PLACING);
});

test("a machine of which the cluster tells only after the lease is over was no loss", {
  timeout: 60_000,
}, async () => {
  cluster.ground.behave("stubborn");
  await cluster.start({
    SCHEDULER_ATTEMPTS_LEASE_SECONDS: "1",
    SCHEDULER_ATTEMPTS_PLACING_LEASE_SECONDS: "60", // no agent of the next placement speaks here
    SCHEDULER_ATTEMPTS_STOP_GRACE_SECONDS: "30",
  });
  const { jobId, pod } = await runSolo();
  await eventually(() => cluster.attemptsOf(jobId), [{ epoch: 1 }]);
  const losses = () => cluster.world.db.q.selectFrom("attempt").select("losses").execute();
  expect(await losses()).toEqual([{ losses: 1 }]);
  const type = "DisruptionTarget";
  const lost = { type, status: "True", reason: "DeletionByTaintManager", message: "deleting due to a taint" };
  await sayOfPod(pod, { phase: "Failed", conditions: [lost] });
  await eventually(losses, [{ losses: 0 }]);
});

test("memory is the recipe's own: final, also when its agent had only seen the engine die", {
  timeout: 60_000,
}, async () => {
  cluster.ground.behave("stubborn");
  await cluster.start();
  const { jobId, attemptId, pod } = await runSolo();
  const relay = await cluster.speakAs(pod);
  const cause = "ENGINE_CRASHED: the training process was killed";
  await relay.finish({ epoch: 0, outcome: { case: "interrupted", value: { cause, stopped: false } } });
  await sayOfPod(pod, {
    containerStatuses: [
      { name: "agent", state: { running: {} }, ready: true, restartCount: 0, image: "", imageID: "" },
      {
        name: "engine",
        state: { terminated: { exitCode: 137, reason: "OOMKilled" } },
        ready: false,
        restartCount: 0,
        image: "",
        imageID: "",
      },
    ],
  });
  const next = cluster.speakAs(`attempt-${attemptId}-e1`);
  const working = next.then((pod) => pod.getAssignment({ epoch: 1 })).catch(() => undefined); // if the news of why was slow
  await eventually(
    () => cluster.attemptsOf(jobId),
    [{ attemptId, state: AttemptState.FAILED, failure: { code: "OUT_OF_MEMORY" } }],
  );
  await cluster.world.waitFor(AttemptFailedSchema, 1);
  await working;
  await vi.waitFor(async () => expect(await cluster.ground.leftovers()).toEqual([]), { timeout: 20_000 });
});

const noMachine = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.";
const openNetwork =
  "the cluster's network does not enforce NetworkPolicy: for more than 25 s it has left the pod open, to the API server or to a resolver (one on the node itself, which policies do not close, needs trainers.networkPolicy.dns)";
const container = { ready: false, restartCount: 0, image: "", imageID: "" };

test.each([
  [
    "finds no machine",
    { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: noMachine }] },
    { reason: "unschedulable", message: `no machine fits: ${noMachine}` },
    WaitReason.NO_MACHINE,
  ],
  [
    "is behind a gate that nobody opens",
    {
      initContainerStatuses: [
        { ...container, name: "gate", state: { running: { startedAt: "2026-01-01T00:00:00Z" } } },
      ],
    },
    { reason: "refused", message: openNetwork },
    WaitReason.REFUSED,
  ],
])(
  "an attempt whose pod %s says so, its customer hears of it, and it waits beyond its lease",
  { timeout: 60_000 },
  async (_what, status, waiting, reason) => {
    cluster.ground.kubelet.isIdle = true;
    await cluster.start();
    const jobId = await cluster.world.openJob({ contestants: 1 });
    const [attempt] = await eventually(() => cluster.attemptsOf(jobId), { length: 1 });
    const name = `attempt-${attempt?.attemptId}-e0`;
    await vi.waitFor(
      () => expect(cluster.server.store.list("/api/v1/namespaces/trainers/pods")).toHaveLength(1),
      { timeout: 10_000 },
    );
    await sayOfPod(name, status);
    await eventually(() => cluster.attemptsOf(jobId), [{ waiting }]);
    const told = await cluster.world.waitFor(AttemptWaitingSchema, 1);
    expect(told.at(-1)).toMatchObject({ attemptId: attempt?.attemptId, epoch: 0, reason });
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    expect(await cluster.attemptsOf(jobId)).toMatchObject([{ epoch: 0, state: AttemptState.PLACING }]);
  },
);

test("an upgrade whose rules refuse what the release before had made fails no attempt: it is made anew, and not counted", {
  timeout: 60_000,
}, async () => {
  const words = 'pods "x" is forbidden: gradients sandbox: a gate comes first';
  cluster.server.refusalOf = ({ spec }) => ("initContainers" in spec ? undefined : words);
  const before = await cluster.start({ SCHEDULER_FLEET_KUBERNETES_NETWORK_GATE: "false" });
  const jobId = await cluster.world.openJob({ contestants: 2 });
  const refused = {
    epoch: 0,
    waiting: { reason: "refused", message: `the cluster refuses the pod: ${words}` },
  };
  await eventually(() => cluster.attemptsOf(jobId), [refused, refused]);
  await before.stop();
  await cluster.start();
  const again = await eventually(() => cluster.attemptsOf(jobId), [{ epoch: 1 }, { epoch: 1 }]);
  for (const { attemptId } of again) {
    const relay = await cluster.speakAs(`attempt-${attemptId}-e1`);
    expect((await relay.getAssignment({ epoch: 1 })).attemptId).toBe(attemptId);
  }
  const names = again.map(({ attemptId }) => `attempt-${attemptId}-e1`);
  await vi.waitFor(() => expect(cluster.jobNames().toSorted()).toEqual(names.toSorted()));
  const counted = await cluster.world.db.q.selectFrom("attempt").select("losses").execute();
  expect(counted).toEqual([{ losses: 0 }, { losses: 0 }]);
});

test("of two replicas one acts, and the other goes on where it ended", { timeout: 90_000 }, async () => {
  const first = await cluster.start();
  await vi.waitFor(async () => expect(await newestTerm(cluster.world.db, "control")).toBe(1n), {
    timeout: 20_000,
  });
  const second = await cluster.start();
  const { jobId, attemptId } = await runSolo();
  await first.stop();
  await vi.waitFor(async () => expect(await newestTerm(cluster.world.db, "control")).toBe(2n), {
    timeout: 20_000,
  });
  expect(cluster.jobNames()).toEqual([`attempt-${attemptId}-e0`]);
  expect(await cluster.attemptsOf(jobId)).toMatchObject([{ epoch: 0, state: AttemptState.RUNNING }]);
  expect(cluster.madeJobs()).toEqual([`attempt-${attemptId}-e0`]);
  await cluster.world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () => expect(await cluster.ground.leftovers()).toEqual([]), { timeout: 20_000 });
  await second.stop();
});

test("a leader that is paused is followed, and does no harm when it wakes", {
  timeout: 240_000,
}, async () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const own = { PATH, NODE_COMPILE_CACHE, SCHEDULER_ATTEMPTS_PLACING_LEASE_SECONDS: "120" };
  const replica = () => spawn(process.execPath, [main], { env: { ...cluster.env, ...own }, stdio: "ignore" });
  const term = () => newestTerm(cluster.world.db, "control");
  const first = replica();
  const replicas = [first];
  try {
    await vi.waitFor(async () => expect(await term()).toBe(1n), { timeout: 60_000 });
    replicas.push(replica());
    await cluster.world.openJob({ contestants: 2 });
    const [a, b] = await vi.waitFor(
      () => {
        expect(cluster.jobNames()).toHaveLength(2);
        return cluster.jobNames();
      },
      { timeout: 60_000 },
    );
    for (const name of [a, b]) await cluster.ground.tokenOf(name ?? "");
    first.kill("SIGSTOP");
    const pausedAt = Date.now();
    await sayOfPod(a ?? "", {
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
    });
    const again = [a?.replace(/-e0$/, "-e1"), b].toSorted();
    await vi.waitFor(() => expect(cluster.jobNames()).toEqual(again), { timeout: 90_000 });
    expect(Date.now() - pausedAt).toBeGreaterThan(10_000);
    expect(await term()).toBe(2n);
    first.kill("SIGCONT");
    await sayOfPod(b ?? "", {
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
    });
    const twice = again.map((name) => name?.replace(/-e0$/, "-e1")).toSorted();
    await vi.waitFor(() => expect(cluster.jobNames()).toEqual(twice), { timeout: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(cluster.jobNames()).toEqual(twice);
    const each = [a, b].flatMap((name) => [name, name?.replace(/-e0$/, "-e1")]).toSorted();
    expect(cluster.madeJobs().toSorted()).toEqual(each);
    expect(await term()).toBe(2n);
  } finally {
    for (const child of replicas) child.kill("SIGKILL");
  }
});

test("transactions of an older term are refused, also one that comes back late", async () => {
  const { db } = cluster.world;
  const replica = await cluster.start();
  await replica.stop();
  await recordTerm(db, "test", 4n);
  const old = fenced(db, "test", 4n);
  expect(await old.tx(async () => "fine")).toBe("fine");
  await recordTerm(db, "test", 5n);
  await expect(old.tx(async () => "late")).rejects.toThrow("Term 4 is over, term 5 leads");
  await expect(recordTerm(db, "test", 4n)).rejects.toThrow("Term 4 is over");
  await expect(recordTerm(db, "test", 5n)).rejects.toThrow("Term 5 is over");
});
