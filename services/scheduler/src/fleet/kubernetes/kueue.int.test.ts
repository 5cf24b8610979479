import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ControlPlane,
  findKueue,
  kueueProblem,
  makeKueueDefinitions,
  missingBinaries,
  startControlPlane,
  startKueue,
} from "@gradients/cluster";
import { connectionFrom, namespaces, serviceAccounts } from "@gradients/kube";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ClusterGround, clusterGround } from "../../test/cluster-ground.ts";
import { spec } from "../../test/fleet-conformance.ts";
import type { KubernetesFleet } from "./kubernetes-fleet.ts";

const missing = missingBinaries("etcd", "kube-apiserver", "kube-controller-manager") ?? kueueProblem();
const never = new AbortController().signal;
const NAMESPACE = "trainers";
const QUEUE = "contestants";
const KUEUE = "/apis/kueue.x-k8s.io/v1beta2";
const LIMIT = { timeout: 30_000, interval: 200 };

describe.skipIf(missing !== undefined)(`Jobs in a queue of Kueue's${missing ? ` (${missing})` : ""}`, () => {
  const cleanup = new AsyncDisposableStack();
  let plane: ControlPlane;
  let ground: ClusterGround;
  let fleet: KubernetesFleet;

  const call = <T>(method: "GET" | "POST" | "PATCH", path: string, body?: unknown) =>
    ground.client.transport.call<T>({
      method,
      path,
      body,
      ...(method === "PATCH" && { contentType: "application/merge-patch+json" }),
    });

  beforeAll(async () => {
    plane = await startControlPlane();
    cleanup.defer(() => plane.stop());
    const folder = await mkdtemp(join(tmpdir(), "gradients-kueue-"));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const source = await findKueue();
    await makeKueueDefinitions(plane.kubeconfig, source);
    const kueue = await startKueue(plane.kubeconfig, folder, source);
    cleanup.defer(() => kueue.stop());
    const connection = { ...connectionFrom(plane.kubeconfig), namespace: NAMESPACE };
    ground = clusterGround(connection, "node");
    cleanup.use(ground);
    await ground.client.create(namespaces, { metadata: { name: NAMESPACE } });
    await ground.client.create(serviceAccounts, { metadata: { name: "gradients-trainer" } });
    for (const [path, body] of roomForOnePod()) await call("POST", `${KUEUE}/${path}`, body);
    fleet = await ground.open({ queue: QUEUE });
    cleanup.defer(() => fleet.close({ stopPods: true }));
  }, 180_000);

  afterAll(() => cleanup.disposeAsync(), 60_000);

  const reaches = (attemptId: string, phase: object) =>
    vi.waitFor(
      async () =>
        expect((await fleet.list(never)).find((pod) => pod.attemptId === attemptId)?.phase).toMatchObject(
          phase,
        ),
      LIMIT,
    );
  const leave = async (attemptId: string, epoch = 0) => {
    const { name } = spec(attemptId, epoch);
    await fleet.stop(name, 1);
    await reaches(attemptId, { kind: "ended" });
    await fleet.remove(name);
  };
  const waitsInQueue = {
    kind: "pending",
    reason: "waiting_for_quota",
    message: "waiting in the cluster's queue",
  };

  test("Kueue lets them begin as its quota has room; the next waits, and says for what", async () => {
    await fleet.start(spec("first"), never);
    await reaches("first", { kind: "running" });
    await fleet.start(spec("second"), never);
    await reaches("second", waitsInQueue);
    expect(await ground.isAlive(spec("second").name)).toBe(false);
    await leave("first");
    await reaches("second", { kind: "running" });
    await leave("second");
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), LIMIT);
  }, 120_000);

  test("one that Kueue evicts ends as an interruption, not as its contestant's fault, and leaves its place", async () => {
    await fleet.start(spec("evicted"), never);
    await reaches("evicted", { kind: "running" });
    const workload = await workloadOf(spec("evicted").name);
    await call("PATCH", `${KUEUE}/namespaces/${NAMESPACE}/workloads/${workload}`, {
      spec: { active: false },
    });
    await reaches("evicted", { kind: "ended", exitCode: 75 });
    await fleet.remove(spec("evicted").name);
    await fleet.start(spec("evicted", 1), never);
    await reaches("evicted", { kind: "running" });
    await leave("evicted", 1);
    await vi.waitFor(async () => expect(await ground.leftovers()).toEqual([]), LIMIT);
  }, 120_000);

  /** Named after its Job, and for a time beside those of others that are gone. */
  async function workloadOf(jobName: string): Promise<string> {
    const path = `${KUEUE}/namespaces/${NAMESPACE}/workloads`;
    const { items } = await call<{ items: readonly { readonly metadata: { readonly name: string } }[] }>(
      "GET",
      path,
    );
    const names = items.map(({ metadata }) => metadata.name);
    return names.find((name) => name.startsWith(`job-${jobName}`)) ?? "";
  }
});

/** A queue whose quota takes one pod, however small. */
function roomForOnePod(): readonly (readonly [string, object])[] {
  const quotas = { cpu: "100", memory: "1Ti", "ephemeral-storage": "1Ti", pods: "1" };
  const flavor = {
    name: "any",
    resources: Object.entries(quotas).map(([name, nominalQuota]) => ({ name, nominalQuota })),
  };
  const named = (kind: string, name: string, spec: object) => ({
    apiVersion: "kueue.x-k8s.io/v1beta2",
    kind,
    metadata: { name },
    spec,
  });
  return [
    ["resourceflavors", named("ResourceFlavor", "any", {})],
    [
      "clusterqueues",
      named("ClusterQueue", "all", {
        namespaceSelector: {},
        resourceGroups: [{ coveredResources: Object.keys(quotas), flavors: [flavor] }],
      }),
    ],
    [`namespaces/${NAMESPACE}/localqueues`, named("LocalQueue", QUEUE, { clusterQueue: "all" })],
  ];
}
