import { createHash } from "node:crypto";
import type { Job, Secret } from "@gradients/kube";
import type { PodSpec } from "../gpu-fleet.ts";
import { bytesOf, type KubernetesClass, type KubernetesFleetConfig } from "./kubernetes-config.ts";
import { labelNames, MANAGER, OUTCOME, OWN_IMAGE, SETTINGS_HASH, SPEC_HASH, TRAINER } from "./names.ts";

export interface ManifestSettings {
  readonly kubernetes: KubernetesFleetConfig;
  /** From SIGTERM to SIGKILL; what the agent reckons with. */
  readonly stopGraceSeconds: number;
  /** More variables for the agent. */
  readonly podEnvironment: Readonly<Record<string, string>>;
}

type PodTemplate = NonNullable<Job["spec"]>["template"];
type Container = NonNullable<PodTemplate["spec"]>["containers"][number];

const AGENT_USER = 10_001;
const ENGINE_USER = 10_002;
const GATE_USER = 10_003;
const SHARED_GROUP = 10_000;
const TOKEN_FOLDER = "/var/run/gradients";
const TOKEN_KEY = "token";
const SOCKET = "/work/run/engine.sock";
/** For a machine; the Job's own clock cannot tell waiting from work. */
const LONGEST_WAIT_SECONDS = 24 * 3_600;
/** Beside its files: logs and what the runtime writes. */
const AGENT_SPARE_BYTES = 256 * 1024 * 1024;

/** The Job of one placement, suspended: it begins once its token is there. */
export function jobManifest(pod: PodSpec, hardware: KubernetesClass, settings: ManifestSettings): Job {
  const labels = labelsOf(pod);
  // A start that is tried again has another trace, and is the same Job.
  const annotations = {
    [SPEC_HASH]: hashOf(jobSpec({ ...pod, traceparent: null }, hardware, settings)),
    [SETTINGS_HASH]: settingsHash(hardware, settings),
    ...(ownImage(pod) !== null && { [OWN_IMAGE]: "true" }),
  };
  const metadata = { name: pod.name, labels, annotations, finalizers: [OUTCOME] };
  return { metadata, spec: jobSpec(pod, hardware, settings) };
}

/** The same for all Jobs of a class that one release makes with one configuration. */
export function settingsHash(hardware: KubernetesClass, settings: ManifestSettings): string {
  return hashOf(jobSpec(nobodys, hardware, settings));
}

const nobodys: PodSpec = {
  name: "",
  attemptId: "",
  jobId: "",
  epoch: 0,
  hardwareClass: "",
  relayTarget: "",
  token: "",
  traceparent: null,
  maxSeconds: 0,
  work: "train",
  image: null,
};

function jobSpec(
  pod: PodSpec,
  hardware: KubernetesClass,
  settings: ManifestSettings,
): NonNullable<Job["spec"]> {
  return {
    suspend: true,
    parallelism: 1,
    completions: 1,
    backoffLimit: 0,
    podReplacementPolicy: "Failed",
    activeDeadlineSeconds: Math.ceil(pod.maxSeconds) + LONGEST_WAIT_SECONDS,
    ttlSecondsAfterFinished: settings.kubernetes.keepSeconds,
    template: { metadata: { labels: labelsOf(pod) }, spec: podSpec(pod, hardware, settings) },
  };
}

function hashOf(spec: object): string {
  return createHash("sha256").update(JSON.stringify(spec)).digest("hex").slice(0, 32);
}

/** Read by the agent alone; leaves with the Job. */
export function tokenSecret(pod: PodSpec, jobUid: string): Secret {
  const owner = { apiVersion: "batch/v1", kind: "Job", name: pod.name, uid: jobUid };
  return {
    metadata: { name: pod.name, labels: labelsOf(pod), ownerReferences: [owner] },
    immutable: true,
    data: { [TOKEN_KEY]: Buffer.from(pod.token).toString("base64") },
  };
}

function labelsOf(pod: PodSpec): Record<string, string> {
  return {
    [labelNames.name]: TRAINER,
    [labelNames.managedBy]: MANAGER,
    [labelNames.attempt]: pod.attemptId,
    [labelNames.epoch]: String(pod.epoch),
    [labelNames.hardwareClass]: pod.hardwareClass,
    [labelNames.job]: pod.jobId,
  };
}

function podSpec(
  pod: PodSpec,
  hardware: KubernetesClass,
  settings: ManifestSettings,
): NonNullable<PodTemplate["spec"]> {
  const { kubernetes, stopGraceSeconds } = settings;
  const { resources, runtimeClassName, nodeSelector, tolerations } = hardware;
  return {
    restartPolicy: "Never",
    serviceAccountName: kubernetes.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    shareProcessNamespace: false,
    activeDeadlineSeconds: Math.ceil(pod.maxSeconds), // counts from when a machine took it, the Job's from before
    terminationGracePeriodSeconds: Math.ceil(stopGraceSeconds),
    ...(kubernetes.userNamespaces && { hostUsers: false }),
    ...(runtimeClassName !== undefined && { runtimeClassName }),
    nodeSelector,
    tolerations: tolerations.map((toleration) => definedOf(toleration)),
    securityContext: {
      runAsNonRoot: true,
      fsGroup: SHARED_GROUP,
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(resources.claim !== undefined && {
      resourceClaims: [{ name: "gpu", resourceClaimTemplateName: resources.claim }],
    }),
    volumes: volumesOf(pod, hardware, kubernetes),
    ...(kubernetes.networkGate && { initContainers: [gateContainer(settings)] }),
    // In this order: the kubelet fetches the image of one before it starts the next, and the agent's first call starts the attempt's clock.
    containers: [engineContainer(pod, hardware), agentContainer(pod, hardware, settings)],
  };
}

function volumesOf(pod: PodSpec, hardware: KubernetesClass, { privateSize }: KubernetesFleetConfig) {
  const folder = (name: string, sizeLimit: string) => ({ name, emptyDir: { sizeLimit } });
  return [
    folder("work", hardware.workSize),
    folder("private", privateSize),
    folder("tmp", hardware.tmpSize),
    { name: "shm", emptyDir: { medium: "Memory", sizeLimit: hardware.shmSize } },
    { name: "token", secret: { secretName: pod.name, defaultMode: 0o440 } },
  ];
}

/** Trusted: holds the token and every URL. */
function agentContainer(
  pod: PodSpec,
  { threadsPerSlot, workSize }: KubernetesClass,
  settings: ManifestSettings,
): Container {
  const { agentImage, agentCpu, agentMemory, privateSize } = settings.kubernetes;
  const env = {
    ...settings.podEnvironment,
    HOME: "/private",
    TMPDIR: "/private",
    TRAINER_GPU_RELAY_TARGET: pod.relayTarget,
    TRAINER_GPU_ATTEMPT_TOKEN_FILE: `${TOKEN_FOLDER}/${TOKEN_KEY}`,
    TRAINER_GPU_EPOCH: String(pod.epoch),
    TRAINER_GPU_SCRATCH_DIR: "/private",
    TRAINER_GPU_CACHE_DIR: "/work/cache",
    TRAINER_GPU_ENGINE_SOCKET: SOCKET,
    TRAINER_GPU_MAX_OUTPUT_BYTES: String(bytesOf(workSize)),
    TRAINER_GPU_THREADS: String(threadsPerSlot),
    TRAINER_GPU_STOP_SECONDS: String(settings.stopGraceSeconds),
    ...(pod.traceparent !== null && { TRAINER_GPU_TRACEPARENT: pod.traceparent }),
  };
  const storage = String(bytesOf(privateSize) + AGENT_SPARE_BYTES);
  return {
    name: "agent",
    image: agentImage,
    imagePullPolicy: "IfNotPresent",
    command: ["node", "--import", "./packages/runtime/src/telemetry.ts", "services/trainer-gpu/src/main.ts"],
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    resources: fixedResources({ cpu: agentCpu, memory: agentMemory, "ephemeral-storage": storage }),
    securityContext: sandbox(AGENT_USER),
    volumeMounts: [
      { name: "work", mountPath: "/work" },
      { name: "private", mountPath: "/private" },
      { name: "token", mountPath: TOKEN_FOLDER, readOnly: true },
    ],
  };
}

/** Holds the others back until the pod's network is closed. It has no secret, so that it may be there before. */
function gateContainer({ kubernetes }: ManifestSettings): Container {
  const { agentImage, agentCpu, agentMemory, openDns } = kubernetes;
  const storage = String(AGENT_SPARE_BYTES);
  return {
    name: "gate",
    image: agentImage,
    imagePullPolicy: "IfNotPresent",
    command: ["node", "services/trainer-gpu/src/network-gate.ts", ...(openDns ? ["--open-dns"] : [])],
    resources: fixedResources({ cpu: agentCpu, memory: agentMemory, "ephemeral-storage": storage }),
    securityContext: sandbox(GATE_USER),
  };
}

/** Untrusted: a contestant's code. It gets its work folder and nothing else. Nobody judges himself: evaluations run the platform's own. */
function engineContainer(
  pod: PodSpec,
  { image: platforms, contestantImage, resources }: KubernetesClass,
): Container {
  const image = ownImage(pod) ?? (pod.work === "train" ? (contestantImage ?? platforms) : platforms);
  const { cpu, memory, ephemeralStorage, gpu, claim } = resources;
  const amounts = {
    cpu,
    memory,
    "ephemeral-storage": ephemeralStorage,
    ...(gpu && { [gpu.name]: String(gpu.count) }),
  };
  const env = {
    HOME: "/tmp",
    TMPDIR: "/tmp",
    ...(!gpu && claim === undefined && { NVIDIA_VISIBLE_DEVICES: "void" }),
  };
  return {
    name: "engine",
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["serve", "--socket", SOCKET],
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    resources: { ...fixedResources(amounts), ...(claim !== undefined && { claims: [{ name: "gpu" }] }) },
    securityContext: sandbox(ENGINE_USER),
    volumeMounts: [
      { name: "work", mountPath: "/work" },
      { name: "tmp", mountPath: "/tmp" },
      { name: "shm", mountPath: "/dev/shm" },
    ],
  };
}

function ownImage({ work, image }: PodSpec): string | null {
  return work === "train" ? image : null;
}

/** Requests equal limits: no contestant gets more than another because its node was idle. */
function fixedResources(amounts: Readonly<Record<string, string>>) {
  return { requests: { ...amounts }, limits: { ...amounts } };
}

function sandbox(user: number): NonNullable<Container["securityContext"]> {
  return {
    runAsUser: user,
    runAsGroup: SHARED_GROUP,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
}

function definedOf<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
