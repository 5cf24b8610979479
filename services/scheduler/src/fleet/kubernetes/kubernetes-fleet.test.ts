import { manualClock } from "@gradients/kernel";
import { type KubeObject, TestApiServer } from "@gradients/kube/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ClusterGround, clusterGround } from "../../test/cluster-ground.ts";
import { describeFleet, type FleetGround, spec } from "../../test/fleet-conformance.ts";
import type { KubernetesFleet } from "./kubernetes-fleet.ts";

const never = new AbortController().signal;
const PATIENCE = { timeout: 5_000, interval: 20 };

async function doubleGround(): Promise<FleetGround> {
  const server = new TestApiServer();
  await server.up();
  const ground = clusterGround(server.connection("trainers"), "node-1");
  return {
    ...ground,
    [Symbol.asyncDispose]: async () => {
      await ground[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describeFleet("Jobs on the API server's double", doubleGround);

describe("KubernetesFleet", () => {
  const jobKey = `/apis/batch/v1/namespaces/trainers/jobs/${spec().name}`;
  const podsKey = "/api/v1/namespaces/trainers/pods";
  let server: TestApiServer;
  let ground: ClusterGround;
  let fleet: KubernetesFleet;

  beforeEach(async () => {
    server = new TestApiServer();
    await server.up();
    ground = clusterGround(server.connection("trainers"), "node-1");
    fleet = await ground.open();
  });

  afterEach(async () => {
    await ground[Symbol.asyncDispose]();
    await fleet.close({ stopPods: false });
    await server[Symbol.asyncDispose]();
  });

  const phase = async (one = fleet) => (await one.list(never))[0]?.phase;
  const reaches = (expected: object) =>
    vi.waitFor(async () => expect(await phase()).toMatchObject(expected), PATIENCE);

  test("a start whose answer was lost is the same pod when it is tried again", async () => {
    server.faults.add({ how: "lose", method: "POST", path: "/jobs" });
    await expect(fleet.start(spec(), never)).rejects.toMatchObject({ kind: "unreachable" });
    expect(await fleet.start({ ...spec(), traceparent: "00-another-one-01" }, never)).toBe("started");
    expect(server.store.list("/apis/batch/v1/namespaces/trainers/jobs")).toHaveLength(1);
    await reaches({ kind: "running" });
  });

  test("its own calls are no news to whoever watches; a pod that comes of them is", async () => {
    ground.kubelet.isIdle = true;
    let rings = 0;
    fleet.watch(() => (rings += 1), never);
    await fleet.start(spec(), never);
    await vi.waitFor(() => expect(server.calls.filter((call) => /PATCH .*jobs/.test(call))).toHaveLength(1));
    await vi.waitFor(() => expect(server.store.list("/api/v1/namespaces/trainers/pods")).toHaveLength(1));
    await vi.waitFor(() => expect(rings).toBeGreaterThan(0));
    const atPod = rings;
    expect(atPod).toBe(1);
    ground.kubelet.isIdle = false;
  });

  test("a start that was cut short before its token is completed by the next, with its token", async () => {
    server.faults.add({ how: "refuse", method: "POST", path: "/secrets", status: 500 });
    await expect(fleet.start(spec(), never)).rejects.toThrow();
    const heir = await ground.open();
    await vi.waitFor(async () =>
      expect(await phase(heir)).toMatchObject({ kind: "pending", reason: "incomplete" }),
    );
    expect(await heir.start({ ...spec(), token: "second" }, never)).toBe("started");
    expect(await ground.tokenOf(spec().name)).toBe("second");
    await heir.close({ stopPods: false });
  });

  test("a start that was cut short after its token is completed with the token that it has", async () => {
    server.faults.add({ how: "refuse", method: "PATCH", path: "/jobs", status: 500 });
    await expect(fleet.start(spec(), never)).rejects.toThrow();
    expect(await fleet.start({ ...spec(), token: "second" }, never)).toBe("exists");
    expect(await ground.tokenOf(spec().name)).toBe("secret-token");
  });

  test("one that was cut short under other settings is made anew", async () => {
    server.faults.add({ how: "refuse", method: "POST", path: "/secrets", status: 500 });
    await expect(fleet.start(spec(), never)).rejects.toThrow();
    const heir = await ground.open({ serviceAccount: "another" });
    await expect(heir.start(spec(), never)).rejects.toThrow("made anew");
    expect(await heir.start(spec(), never)).toBe("started");
    await heir.close({ stopPods: false });
  });

  test("a Job of somebody else is left alone", async () => {
    const metadata = { name: spec().name, uid: "", resourceVersion: "", creationTimestamp: "" };
    server.store.create("/apis/batch/v1/namespaces/trainers/jobs", {
      kind: "Job",
      metadata,
      spec: { suspend: true },
    });
    await expect(fleet.start(spec(), never)).rejects.toThrow("belongs to somebody else");
    await fleet.remove(spec().name);
    expect(server.store.find(jobKey)).toBeUndefined();
  });

  test("a quota on Jobs and one on pods are waits, in words", async () => {
    server.faults.add({
      how: "refuse",
      method: "POST",
      path: "/jobs",
      status: 403,
      message: "exceeded quota: jobs",
    });
    await expect(fleet.start(spec(), never)).rejects.toMatchObject({
      name: "PodRefused",
      reason: "waiting_for_quota",
    });
    server.refusalOf = () => 'pods "x" is forbidden: exceeded quota: gpus, requested: 1, used: 8, limited: 8';
    await fleet.start(spec(), never);
    await reaches({ kind: "pending", reason: "waiting_for_quota", message: /exceeded quota: gpus/ });
  });

  test("one that a rule refuses waits; an heir whose pods the rule lets in ends it, to have it made anew", async () => {
    server.refusalOf = () => 'pods "x" is forbidden: a gate comes first';
    await fleet.start(spec(), never);
    await reaches({ kind: "pending", reason: "refused", message: /a gate comes first/ });
    const alike = await ground.open();
    const heir = await ground.open({ serviceAccount: "another" });
    await vi.waitFor(async () =>
      expect(await phase(heir)).toMatchObject({ kind: "ended", cause: "outdated", message: /a gate/ }),
    );
    expect(await phase(alike)).toMatchObject({ kind: "pending", reason: "refused" });
    await heir.remove(spec().name);
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]));
    await Promise.all([alike, heir].map((one) => one.close({ stopPods: false })));
  });

  test("with a queue the Job stays suspended, for Kueue to begin", async () => {
    const queued = await ground.open({ queue: "gpu" });
    await queued.start(spec(), never);
    await reaches({ kind: "pending", reason: "waiting_for_quota" });
    const job = server.store.get(jobKey);
    expect(job).toMatchObject({
      metadata: { labels: { "kueue.x-k8s.io/queue-name": "gpu" } },
      spec: { suspend: true },
    });
    server.store.update(jobKey, { ...job, spec: { ...(job["spec"] as object), suspend: false } }, "object");
    await reaches({ kind: "running" });
    await queued.close({ stopPods: false });
  });

  test("a Job that is removed by hand keeps its outcome until the scheduler has it", async () => {
    await fleet.start(spec(), never);
    await reaches({ kind: "running" });
    server.store.delete(jobKey);
    await reaches({ kind: "ended", cause: "deleted" });
    expect(server.store.find(jobKey)).toBeDefined();
    await fleet.remove(spec().name);
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]));
  });

  test("what ended while nobody could watch is found afterwards", async () => {
    await fleet.start(spec(), never);
    await reaches({ kind: "running" });
    server.watches.freeze();
    const [pod] = server.store.list("/api/v1/namespaces/trainers/pods");
    ground.kubelet.isIdle = true;
    await ground.kubelet.setStatus(pod?.metadata.name ?? "", {
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
    });
    server.store.compact();
    server.watches.fail(410, "Expired");
    await reaches({ kind: "ended", cause: "evicted" });
  });

  test("the end of a crashed agent's log is told, where the kubelet still has it", async () => {
    ground.behave("crash");
    server.logs.set(spec("a").name, "starting\nTypeError: odd\n");
    await fleet.start(spec("a"), never);
    await reaches({ kind: "ended", cause: "exited", exitCode: 3, message: "starting\nTypeError: odd" });
    expect(await phase()).toMatchObject({ message: "starting\nTypeError: odd" });
    expect(server.countCalls(/\/log$/)).toBe(1);
  });

  test("a pod whose machine answers no more is given up after its grace and a margin, not before", async () => {
    ground.behave("stubborn");
    const clock = manualClock();
    const own = await ground.open({}, clock);
    await own.start(spec(), never);
    await vi.waitFor(async () => expect(await phase(own)).toMatchObject({ kind: "running" }), PATIENCE);
    ground.kubelet.isIdle = true;
    await own.stop(spec().name, 5);
    await clock.advance(19_900);
    await own.stop(spec().name, 5);
    expect(server.countCalls(/DELETE .*jobs/)).toBe(0);
    expect(await phase(own)).toEqual({ kind: "stopping" });
    await clock.advance(100);
    await own.stop(spec().name, 5);
    await reaches({ kind: "ended" });
    await own.remove(spec().name);
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), PATIENCE);
    await own.close({ stopPods: false });
  });

  test("closing also ends a pod that has its machine and was not begun yet", async () => {
    ground.kubelet.isIdle = true;
    const own = await ground.open();
    await own.start(spec(), never);
    const onlyPod = () => server.store.list(podsKey)[0]?.metadata;
    await vi.waitFor(() => expect(onlyPod()).toBeDefined(), PATIENCE);
    const target = { kind: "Node", name: "node-1" };
    const path = `${podsKey}/${onlyPod()?.name}/binding`;
    await ground.client.transport.call({ method: "POST", path, body: { target } });
    const closing = own.close({ stopPods: true });
    closing.catch(() => {}); // awaited below
    await vi.waitFor(() => expect(onlyPod()?.deletionTimestamp).toBeDefined(), PATIENCE);
    ground.kubelet.isIdle = false;
    await closing;
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), PATIENCE);
  });

  test("a pod that no machine has taken is stopped without one", async () => {
    ground.kubelet.isIdle = true;
    await fleet.start(spec(), never);
    await reaches({ kind: "pending", message: "waiting for a machine" });
    await fleet.stop(spec().name, 5);
    await reaches({ kind: "ended" });
    expect(server.store.list(podsKey)).toEqual([]);
  });

  test("a pod that is made after its Job was stopped is asked to end as soon as it shows", async () => {
    ground.kubelet.isIdle = true;
    server.refusalOf = () => "not yet";
    await fleet.start(spec(), never);
    await reaches({ kind: "pending", reason: "refused" });
    await fleet.stop(spec().name, 5);
    await reaches({ kind: "ended", cause: "deleted" });
    server.store.create(podsKey, latePod(server.store.get(jobKey)));
    await reaches({ kind: "stopping" });
    await vi.waitFor(async () => {
      await fleet.stop(spec().name, 5);
      expect(await phase()).toMatchObject({ kind: "ended" });
    }, PATIENCE);
    expect(server.store.list(podsKey)).toEqual([]);
  });

  test("finalizers of others stay, whoever changed the Job meanwhile", async () => {
    ground.behave("crash");
    await fleet.start(spec(), never);
    await reaches({ kind: "ended" });
    const job = server.store.get(jobKey);
    const finalizers = [...(job.metadata.finalizers ?? []), "example.com/other"];
    server.faults.add({ how: "refuse", method: "PATCH", path: "/jobs", status: 409, reason: "Conflict" });
    server.store.update(jobKey, { ...job, metadata: { ...job.metadata, finalizers } }, "object");
    await fleet.remove(spec().name);
    expect(server.store.get(jobKey).metadata.finalizers).toEqual(["example.com/other"]);
    expect(await fleet.list(never)).toEqual([]);
  });
});

/** By a controller that had not seen yet that the Job is being deleted. */
function latePod({ metadata: { name, uid, labels = {} } }: KubeObject): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-late`,
      namespace: "trainers",
      uid: "",
      resourceVersion: "",
      creationTimestamp: "",
      labels,
      finalizers: ["batch.kubernetes.io/job-tracking"],
      ownerReferences: [{ uid, kind: "Job", name, blockOwnerDeletion: true }],
    },
    spec: {},
    status: { phase: "Pending" },
  };
}
