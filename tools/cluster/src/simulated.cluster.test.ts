import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { down, up } from "./cluster/cluster.ts";
import { fate } from "./simulated/annotations.ts";
import { applyObjects, kubectl } from "./testing/commands.ts";
import { snapshotMachine } from "./testing/machine-snapshot.ts";
import { suiteProblem } from "./testing/suite-problem.ts";

const problem = suiteProblem("simulated");
const deadline = { timeout: 60_000, interval: 200 };
const nodes = 200;

describe.skipIf(problem !== undefined)(`simulated nodes${problem ? ` (${problem})` : ""}`, () => {
  let before: Awaited<ReturnType<typeof snapshotMachine>>;

  beforeAll(async () => {
    await down();
    before = await snapshotMachine();
    await up({ profile: "simulated", nodes });
  }, 120_000);
  afterAll(down);

  it("are GPU servers by the hundred", async () => {
    const gpus = await kubectl(
      "get",
      "nodes",
      "-o",
      "jsonpath={.items[*].status.allocatable.nvidia\\.com/gpu}",
    );
    expect(gpus.split(" ")).toEqual(Array.from({ length: nodes }, () => "8"));
  });

  it.each([
    { name: "done", annotations: {}, ends: { phase: "Succeeded", code: 0, reason: "Completed" } },
    {
      name: "failed",
      annotations: { [fate.exitCode]: "3" },
      ends: { phase: "Failed", code: 3, reason: "Error" },
    },
    {
      name: "oom",
      annotations: { [fate.outOfMemory]: "true" },
      ends: { phase: "Failed", code: 137, reason: "OOMKilled" },
    },
  ])("let a pod end as its annotations say: $name", async ({ name, annotations, ends }) => {
    await applyObjects(gpuPod(name, annotations));
    await expect.poll(() => end(name), deadline).toEqual(ends);
  });

  it("take the time to pull and to run that the annotations say", async () => {
    await applyObjects(gpuPod("slow", { [fate.pullTime]: "3s", [fate.runTime]: "4s" }));
    await expect.poll(() => waitingReason("slow"), deadline).toBe("ContainerCreating");
    await expect.poll(() => end("slow"), deadline).toMatchObject({ phase: "Succeeded" });
    const [created, started, finished] = await times("slow");
    expect(started - created).toBeGreaterThanOrEqual(2000); // stamps are whole seconds
    expect(finished - started).toBeGreaterThanOrEqual(3000);
  });

  it("never find an image that is missing", async () => {
    await applyObjects(gpuPod("missing", { [fate.imageMissing]: "true" }));
    await expect.poll(() => waitingReason("missing"), deadline).toBe("ImagePullBackOff");
  });

  it("are lost with their pods: the Job sees a failure, the pod is gone", async () => {
    await applyObjects(gpuJob("lost", { [fate.nodeLostAfter]: "1s", [fate.runTime]: "1h" }));
    await kubectl("wait", "job/lost", "--for=condition=Failed", "--timeout=60s");
    await expect.poll(() => kubectl("get", "pods", "-l", "job-name=lost", "-o", "name"), deadline).toBe("");
  });

  it("are away for good after `down`", async () => {
    await down();
    expect(await snapshotMachine()).toEqual(before);
  }, 60_000);
});

const spec = {
  restartPolicy: "Never",
  nodeSelector: { "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3" },
  tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
  containers: [{ name: "main", image: "none", resources: { limits: { "nvidia.com/gpu": "8" } } }],
};

type Annotations = Readonly<Record<string, string>>;

const gpuPod = (name: string, annotations: Annotations) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", annotations },
  spec,
});

const gpuJob = (name: string, annotations: Annotations) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, namespace: "default" },
  spec: { backoffLimit: 0, template: { metadata: { annotations }, spec } },
});

interface Pod {
  readonly metadata: { readonly creationTimestamp: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly {
      readonly state: {
        readonly waiting?: { readonly reason: string };
        readonly terminated?: {
          readonly exitCode: number;
          readonly reason: string;
          readonly startedAt: string;
          readonly finishedAt: string;
        };
      };
    }[];
  };
}

const read = async (name: string) => JSON.parse(await kubectl("get", "pod", name, "-o", "json")) as Pod;
const stateOf = (pod: Pod) => pod.status.containerStatuses?.[0]?.state;

async function end(name: string) {
  const pod = await read(name);
  const state = stateOf(pod)?.terminated;
  return { phase: pod.status.phase, code: state?.exitCode, reason: state?.reason };
}

async function waitingReason(name: string) {
  return stateOf(await read(name))?.waiting?.reason;
}

async function times(name: string): Promise<readonly [number, number, number]> {
  const pod = await read(name);
  const state = stateOf(pod)?.terminated;
  return [
    Date.parse(pod.metadata.creationTimestamp),
    Date.parse(state?.startedAt ?? ""),
    Date.parse(state?.finishedAt ?? ""),
  ];
}
