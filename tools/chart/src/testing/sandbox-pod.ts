import { loadConfig } from "../../../../services/scheduler/src/config.ts";
import {
  jobManifest,
  tokenSecret,
} from "../../../../services/scheduler/src/fleet/kubernetes/job-manifest.ts";
import type { KubernetesObject } from "./render.ts";
import { serviceEnvironment } from "./service-environment.ts";

/** Tests break it in any way, also in ones that types would refuse. */
// oxlint-disable-next-line typescript/no-explicit-any
type Fields = any;

export interface SandboxPod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: object;
  readonly spec: Fields;
}

/** The Job and the Secret of an attempt as the scheduler makes them when it runs with these objects' settings. */
export function attemptObjects(objects: readonly KubernetesObject[], name: string) {
  const { fleet, attempts, relay } = loadConfig({ env: serviceEnvironment(objects, "scheduler"), argv: [] });
  if (fleet.kind !== "kubernetes") throw new Error("the chart's scheduler places no pods in Kubernetes");
  const { kubernetes, podEnvironment } = fleet;
  const hardware = kubernetes.classes[0];
  if (!hardware) throw new Error("there is no hardware class");
  const pod = {
    name,
    attemptId: "attempt",
    jobId: "job",
    epoch: 1,
    hardwareClass: hardware.name,
    relayTarget: relay.target ?? "",
    token: "token",
    traceparent: null,
    maxSeconds: 3_600,
    image: null,
    work: "train" as const,
  };
  const settings = { kubernetes, podEnvironment, stopGraceSeconds: attempts.stopGraceSeconds };
  const job = { apiVersion: "batch/v1", kind: "Job", ...jobManifest(pod, hardware, settings) };
  const secret = (jobUid: string) => ({ apiVersion: "v1", kind: "Secret", ...tokenSecret(pod, jobUid) });
  return { job, secret };
}

/** The pod of that Job; `change` breaks it. */
export function sandboxPod(
  objects: readonly KubernetesObject[],
  name: string,
  change: (pod: SandboxPod) => void = () => {},
): SandboxPod {
  const template = attemptObjects(objects, name).job.spec?.template;
  const metadata = { name, namespace: "gradients-trainers", ...template?.metadata };
  const pod: SandboxPod = { apiVersion: "v1", kind: "Pod", metadata, spec: template?.spec };
  change(pod);
  return pod;
}
