import { type Job, jobs, type KubeClient, type Pod, pods } from "@gradients/kube";
import type { PodSpec } from "@gradients/scheduler/fleet/gpu-fleet";
import { jobManifest, type ManifestSettings } from "@gradients/scheduler/fleet/kubernetes/job-manifest";
import { kubernetesSchema } from "@gradients/scheduler/fleet/kubernetes/kubernetes-config";
import { podName } from "@gradients/scheduler/fleet/pod-name";

const digest = `sha256:${"0".repeat(64)}`;
const hardwareClass = {
  name: "h100",
  description: "One GPU of a server of eight",
  slots: 50_000,
  threadsPerSlot: 8,
  image: `registry.example/trainer@${digest}`,
  nodeSelector: { "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3" },
  tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }],
  resources: {
    cpu: "16",
    memory: "128Gi",
    ephemeralStorage: "200Gi",
    gpu: { name: "nvidia.com/gpu", count: 1 },
  },
  shmSize: "16Gi",
  workSize: "100Gi",
};
/** As an operator writes it. */
export const fleetConfig = {
  namespace: "trainers",
  agentImage: `registry.example/services@${digest}`,
  classes: [hardwareClass],
};
export const settings: ManifestSettings = {
  kubernetes: kubernetesSchema.parse(fleetConfig),
  podEnvironment: {},
  stopGraceSeconds: 30,
};

/** What the scheduler asks its fleet for. */
export function podSpec(attemptId: string, epoch = 1): PodSpec {
  return {
    name: podName(attemptId, epoch),
    attemptId,
    epoch,
    hardwareClass: hardwareClass.name,
    jobId: attemptId,
    work: "train",
    image: null,
    relayTarget: "gradients-relay.gradients.svc:50062",
    token: "t".repeat(43),
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    maxSeconds: 7_200,
  };
}

/** The Job that the product makes for it, as it is. */
export function manifestOf(spec: PodSpec): Job {
  const [own] = settings.kubernetes.classes;
  if (own === undefined) throw new Error("There is no hardware class");
  return jobManifest(spec, own, settings);
}

/** The product's own Job, let go, and its pod as a kubelet reports one that trains. */
export async function makeLive(client: KubeClient, spec: PodSpec): Promise<void> {
  const manifest = manifestOf(spec);
  const template = manifest.spec?.template;
  if (!manifest.spec || !template) throw new Error("The Job has no pod");
  const job = await client.create(jobs, { ...manifest, spec: { ...manifest.spec, suspend: false } });
  const owner = {
    apiVersion: "batch/v1",
    kind: "Job",
    name: spec.name,
    uid: job.metadata?.uid ?? "",
    controller: true,
  };
  const labels = { ...template.metadata?.labels, "batch.kubernetes.io/job-name": spec.name };
  const name = `${spec.name}-x7k2p`;
  await client.create(pods, { ...template, metadata: { name, labels, ownerReferences: [owner] } });
  await client.patch(pods, name, { status: runningStatus() }, { subresource: "status" });
}

function runningStatus(): NonNullable<Pod["status"]> {
  const startedAt = new Date().toISOString();
  const container = (name: string, image: string) => ({
    name,
    image,
    imageID: image,
    containerID: `containerd://${"0".repeat(64)}`,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt } },
  });
  const condition = (type: string) => ({ type, status: "True", lastTransitionTime: startedAt });
  return {
    phase: "Running",
    startTime: startedAt,
    conditions: ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition),
    containerStatuses: [container("agent", fleetConfig.agentImage), container("engine", hardwareClass.image)],
  };
}
