import { randomBytes } from "node:crypto";
import { type ControlPlane, missingBinaries, startControlPlane } from "@gradients/cluster";
import { manualClock } from "@gradients/kernel";
import {
  KubeClient as Client,
  connectionFrom,
  jobs,
  type KubeClient,
  KubeTransport,
  namespaces,
  nodes,
  pods,
  RateLimiter,
  serviceAccounts,
} from "@gradients/kube";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ClusterGround, clusterGround } from "../../test/cluster-ground.ts";
import { describeFleet, spec } from "../../test/fleet-conformance.ts";
import { requireGate } from "../../test/require-gate.ts";

const given = process.env["KUBECONFIG"];
const missing =
  given === undefined
    ? missingBinaries("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    : undefined;
const never = new AbortController().signal;

/** Ours alone: labelled and tainted, so that no other pod comes and ours go nowhere else. */
const nodeName = `fleet-test-${randomBytes(3).toString("hex")}`;
const label = { "gradients.io/test-node": nodeName };
const taint = { key: "gradients.io/test-node", value: nodeName, effect: "NoSchedule" };
const hardwareClass = {
  name: "cpu",
  description: "test",
  slots: 4,
  threadsPerSlot: 1,
  image: `trainer@sha256:${"0".repeat(64)}`,
  nodeSelector: label,
  tolerations: [{ ...taint, operator: "Equal" }],
  resources: { cpu: "1", memory: "1Gi", ephemeralStorage: "2Gi" },
  workSize: "1Gi",
};

describe.skipIf(missing !== undefined)(`a real cluster${missing ? ` (${missing})` : ""}`, () => {
  let plane: ControlPlane | undefined;
  let admin: KubeClient;
  let heart: NodeJS.Timeout;

  const kubeconfig = () => given ?? plane?.kubeconfig;

  beforeAll(async () => {
    if (given === undefined) plane = await startControlPlane({ scheduler: true });
    admin = clientIn("default");
    await admin.create(nodes, { metadata: { name: nodeName, labels: label }, spec: { taints: [taint] } });
    await beat();
    heart = setInterval(() => void beat().catch(() => undefined), 5_000);
  }, 180_000);

  afterAll(async () => {
    clearInterval(heart);
    await admin.delete(nodes, nodeName);
    await admin.transport.close();
    await plane?.stop();
  });

  const clientIn = (namespace: string) =>
    new Client(
      new KubeTransport({ ...connectionFrom(kubeconfig()), namespace }, { userAgent: "test" }),
      namespace,
      new RateLimiter({ perSecond: 500, burst: 500 }),
    );

  /** As the kubelet of our node would. */
  const beat = async () => {
    const time = new Date().toISOString();
    const allocatable = { cpu: "64", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "200" };
    const ready = {
      type: "Ready",
      status: "True",
      reason: "Test",
      message: "",
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    };
    const status = { capacity: allocatable, allocatable, conditions: [ready] };
    await admin.patch(nodes, nodeName, { status }, { subresource: "status" });
  };

  const prepare = async (): Promise<ClusterGround & { readonly namespace: string }> => {
    const namespace = `fleet-${randomBytes(4).toString("hex")}`;
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await admin.create(namespaces, { metadata: { name: namespace, labels } });
    const client = clientIn(namespace);
    await client.create(serviceAccounts, { metadata: { name: "gradients-trainer" } });
    const ground = clusterGround({ ...connectionFrom(kubeconfig()), namespace }, nodeName);
    return {
      ...ground,
      namespace,
      open: (settings = {}, clock) => ground.open({ classes: [hardwareClass], ...settings }, clock),
      [Symbol.asyncDispose]: async () => {
        await ground[Symbol.asyncDispose]();
        await client.transport.close();
        await admin.delete(namespaces, namespace);
      },
    };
  };

  describeFleet("Jobs of a real API server in a restricted namespace", prepare, 90_000);

  test("tells why no machine fits in the scheduler's own words", { timeout: 60_000 }, async () => {
    const ground = await prepare();
    ground.kubelet.isIdle = true; // it would take the pod before the cluster's own scheduler has spoken
    const fleet = await ground.open({ classes: [{ ...hardwareClass, nodeSelector: { none: "such" } }] });
    await fleet.start(spec(), never);
    await vi.waitFor(
      async () =>
        expect((await fleet.list(never))[0]?.phase).toMatchObject({
          kind: "pending",
          reason: "unschedulable",
          message: expect.stringMatching(/no machine fits: 0\/\d+ nodes/),
        }),
      { timeout: 30_000 },
    );
    await fleet.close({ stopPods: true });
    await ground[Symbol.asyncDispose]();
  });

  test("the API server keeps no record of who wrote which field of a Job that has begun", {
    timeout: 60_000,
  }, async () => {
    const ground = await prepare();
    const fleet = await ground.open();
    await fleet.start(spec(), never);
    await ground.tokenOf(spec().name);
    const job = await vi.waitFor(
      async () => {
        const found = await ground.client.get(jobs, spec().name);
        expect(found.status?.startTime).toBeDefined(); // another's write, after ours
        return found;
      },
      { timeout: 20_000 },
    );
    expect(job.metadata?.managedFields).toBeUndefined();
    await fleet.close({ stopPods: true });
    await ground[Symbol.asyncDispose]();
  });

  test("a quota on pods is a wait, in words", { timeout: 60_000 }, async () => {
    const ground = await prepare();
    await ground.client.transport.call({
      method: "POST",
      path: `/api/v1/namespaces/${ground.namespace}/resourcequotas`,
      body: { metadata: { name: "pods" }, spec: { hard: { pods: "0" } } },
    });
    const fleet = await ground.open();
    await fleet.start(spec(), never);
    await vi.waitFor(
      async () =>
        expect((await fleet.list(never))[0]?.phase).toMatchObject({
          kind: "pending",
          reason: "waiting_for_quota",
          message: expect.stringMatching(/exceeded quota: pods/),
        }),
      { timeout: 30_000 },
    );
    await fleet.close({ stopPods: true });
    await ground[Symbol.asyncDispose]();
  });

  test("what an admission policy refuses waits; an heir with other settings ends it and makes it anew", {
    timeout: 90_000,
  }, async () => {
    const ground = await prepare();
    await using _policy = await requireGate(admin.transport, ground.namespace);
    const before = await ground.open({ networkGate: false });
    await before.start(spec(), never);
    const reaches = (fleet: typeof before, phase: object) =>
      vi.waitFor(async () => expect((await fleet.list(never))[0]?.phase).toMatchObject(phase), {
        timeout: 30_000,
      });
    const message = expect.stringContaining("a gate comes first");
    await reaches(before, { kind: "pending", reason: "refused", message });
    const heir = await ground.open();
    await reaches(heir, { kind: "ended", cause: "outdated", message });
    await heir.remove(spec().name);
    await heir.start(spec("a", 1), never);
    await reaches(heir, { kind: "running" });
    await before.close({ stopPods: false });
    await heir.close({ stopPods: true });
    await ground[Symbol.asyncDispose]();
  });

  test("what is said of pods and Jobs becomes its cause", { timeout: 120_000 }, async () => {
    const ground = await prepare();
    const fleet = await ground.open();
    const ends = {
      evicted: { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." },
      disk_full: {
        phase: "Failed",
        reason: "Evicted",
        message: 'Usage of EmptyDir volume "work" exceeds the limit "1Gi". ',
      },
      preempted: {
        phase: "Failed",
        conditions: [
          { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", message: "made room" },
        ],
      },
    };
    for (const cause of Object.keys(ends)) await fleet.start(spec(cause.replace("_", "-")), never);
    for (const [cause, status] of Object.entries(ends)) {
      const attemptId = cause.replace("_", "-");
      await ground.tokenOf(spec(attemptId).name);
      const name = await podOf(ground, spec(attemptId).name);
      await ground.kubelet.setStatus(name, status);
      await vi.waitFor(
        async () => {
          const found = (await fleet.list(never)).find((pod) => pod.attemptId === attemptId);
          expect(found?.phase).toMatchObject({ kind: "ended", cause });
        },
        { timeout: 20_000 },
      );
    }
    await fleet.close({ stopPods: true });
    await ground[Symbol.asyncDispose]();
  });

  test("a pod and a Job that are deleted by hand are told, and nothing is left", {
    timeout: 120_000,
  }, async () => {
    const ground = await prepare();
    const fleet = await ground.open();
    await fleet.start(spec("pod"), never);
    await fleet.start(spec("job"), never);
    for (const id of ["pod", "job"]) await ground.tokenOf(spec(id).name);
    await ground.client.delete(pods, await podOf(ground, spec("pod").name), { graceSeconds: 1 });
    await ground.client.delete(jobs, spec("job").name, { propagation: "Background" });
    const phases = async () =>
      Object.fromEntries((await fleet.list(never)).map(({ attemptId, phase }) => [attemptId, phase]));
    await vi.waitFor(
      async () => {
        const { job, pod } = await phases();
        expect(job).toMatchObject({ kind: "ended", cause: "deleted" });
        expect(pod).toMatchObject({ kind: "ended", exitCode: 75 });
      },
      { timeout: 20_000 },
    );
    for (const id of ["pod", "job"]) await fleet.remove(spec(id).name);
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), { timeout: 20_000 });
    await fleet.close({ stopPods: false });
    await ground[Symbol.asyncDispose]();
  });

  test("a pod whose machine answers no more is given up after its grace and a margin, and nothing is left", {
    timeout: 90_000,
  }, async () => {
    const ground = await prepare();
    ground.behave("stubborn");
    const clock = manualClock();
    const fleet = await ground.open({}, clock);
    const reaches = (phase: object) =>
      vi.waitFor(async () => expect((await fleet.list(never))[0]?.phase).toMatchObject(phase), {
        timeout: 30_000,
      });
    await fleet.start(spec(), never);
    await reaches({ kind: "running" });
    ground.kubelet.isIdle = true;
    await fleet.stop(spec().name, 5);
    await reaches({ kind: "stopping" });
    await clock.advance(20_000);
    await fleet.stop(spec().name, 5);
    await reaches({ kind: "ended", cause: "node_lost" });
    await fleet.remove(spec().name);
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), { timeout: 20_000 });
    await fleet.close({ stopPods: true });
    await ground[Symbol.asyncDispose]();
  });

  test.skipIf(given !== undefined)(
    "an API server that is killed, with its history gone, costs no news",
    { timeout: 120_000 },
    async () => {
      const ground = await prepare();
      const fleet = await ground.open();
      for (const id of ["a", "b"]) await fleet.start(spec(id), never);
      for (const id of ["a", "b"]) await ground.tokenOf(spec(id).name);
      await plane?.kill("kube-apiserver");
      await plane?.start("kube-apiserver");
      await plane?.compact();
      await ground.client.delete(pods, await podOf(ground, spec("a").name), { graceSeconds: 1 });
      await vi.waitFor(
        async () => {
          const found = (await fleet.list(never)).find(({ attemptId }) => attemptId === "a");
          expect(found?.phase).toMatchObject({ kind: "ended" });
        },
        { timeout: 30_000 },
      );
      await fleet.close({ stopPods: true });
      await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), { timeout: 20_000 });
      await ground[Symbol.asyncDispose]();
    },
  );
});

async function podOf({ client }: ClusterGround, jobName: string): Promise<string> {
  const query = { labelSelector: `batch.kubernetes.io/job-name=${jobName}` };
  const path = `/api/v1/namespaces/${client.namespace}/pods`;
  const { items } = await client.transport.call<{ items: { metadata: { name: string } }[] }>({
    method: "GET",
    path,
    query,
  });
  return items[0]?.metadata.name ?? "";
}
