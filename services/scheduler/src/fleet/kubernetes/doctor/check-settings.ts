import { isKube, jobs, type KubeClient, pathOf } from "@gradients/kube";
import type { ManifestSettings } from "../job-manifest.ts";
import type { KubernetesFleetConfig } from "../kubernetes-config.ts";
import { labelNames } from "../names.ts";
import { type Finding, ok, problem, unlessForbidden } from "./finding.ts";
import { probeJob } from "./probe-job.ts";

export interface DoctorSettings extends ManifestSettings {
  /** The relay as pods reach it, if it is set. */
  readonly relayTarget: string | undefined;
}

/** What is wrong in the configuration itself, or between it and the cluster. */
export async function checkSettings(
  client: KubeClient,
  settings: DoctorSettings,
): Promise<readonly Finding[]> {
  return [
    checkRelay(settings.relayTarget),
    ...checkImages(settings.kubernetes),
    ...(await checkRuntimeClasses(client, settings.kubernetes)),
    ...(await checkClaims(client, settings.kubernetes)),
    ...(await checkQueue(client, settings.kubernetes.queue)),
    ...(await checkJobs(client, settings)),
  ];
}

function checkRelay(target: string | undefined): Finding {
  const cure = "set SCHEDULER_RELAY_TARGET to the Service of the relay, as host:port";
  if (target === undefined) return problem("Pods are not told where the relay is", cure);
  if (/^(127\.|localhost|\[::1\]|0\.0\.0\.0)/.test(target))
    return problem(`Pods are told that the relay is at ${target}, which is their own address`, cure);
  return ok(`Pods find the relay at ${target}`);
}

function checkImages({ agentImage, classes }: KubernetesFleetConfig): readonly Finding[] {
  const images = new Set([
    agentImage,
    ...classes.flatMap(({ image, contestantImage }) => [image, contestantImage ?? image]),
  ]);
  const loose = [...images].filter((image) => !/@sha256:[0-9a-f]{64}$/.test(image));
  if (loose.length === 0) return [ok("All images are named by digest")];
  return loose.map((image) =>
    problem(
      `The image ${image} is not named by digest, so two attempts of one race may run different code`,
      "name it as repository@sha256:...",
    ),
  );
}

function checkRuntimeClasses(
  client: KubeClient,
  { classes }: KubernetesFleetConfig,
): Promise<readonly Finding[]> {
  const names = new Set(classes.flatMap(({ runtimeClassName }) => runtimeClassName ?? []));
  return unlessForbidden("Runtime classes", () =>
    Promise.all([...names].map((name) => checkRuntimeClass(client, name))),
  );
}

async function checkRuntimeClass({ transport }: KubeClient, name: string): Promise<Finding> {
  const isThere = await exists(transport, `/apis/node.k8s.io/v1/runtimeclasses/${name}`);
  if (isThere) return ok(`The runtime class ${name} exists`);
  return problem(
    `There is no runtime class ${name}`,
    "install the runtime's RuntimeClass, or mend the class's runtimeClassName",
  );
}

/** A pod whose template is missing waits for ever. */
function checkClaims(client: KubeClient, { classes }: KubernetesFleetConfig): Promise<readonly Finding[]> {
  const names = new Set(classes.flatMap(({ resources }) => resources.claim ?? []));
  return unlessForbidden("ResourceClaimTemplates", () =>
    Promise.all([...names].map((name) => checkClaim(client, name))),
  );
}

async function checkClaim({ namespace, transport }: KubeClient, name: string): Promise<Finding> {
  for (const version of ["v1", "v1beta2", "v1beta1"]) {
    const path = `/apis/resource.k8s.io/${version}/namespaces/${namespace}/resourceclaimtemplates/${name}`;
    if (await exists(transport, path)) return ok(`The ResourceClaimTemplate ${name} exists`);
  }
  return problem(
    `There is no ResourceClaimTemplate ${name} in ${namespace}, or the cluster allocates no devices by claims`,
    "make the template that the devices' driver describes, or mend the class's resources.claim",
  );
}

interface LocalQueue {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

async function checkQueue(client: KubeClient, queue: string | undefined): Promise<readonly Finding[]> {
  if (queue === undefined) return [ok("No Kueue queue is set: the scheduler lets Jobs begin by itself")];
  return unlessForbidden("Kueue's queues", async () => {
    for (const version of ["v1beta2", "v1beta1"]) {
      const path = `/apis/kueue.x-k8s.io/${version}/namespaces/${client.namespace}/localqueues/${queue}`;
      const found = await find<LocalQueue>(client.transport, path);
      if (found) return [judgeQueue(queue, found)];
    }
    return [
      problem(
        `Kueue has no LocalQueue ${queue} in ${client.namespace}, or is not installed`,
        "make the LocalQueue, or unset SCHEDULER_FLEET_KUBERNETES_QUEUE",
      ),
    ];
  });
}

function judgeQueue(queue: string, { status }: LocalQueue): Finding {
  const active = status?.conditions?.find(({ type }) => type === "Active");
  if (active?.status === "True") return ok(`Kueue's LocalQueue ${queue} is active`);
  return problem(
    `Kueue's LocalQueue ${queue} is not active: ${active?.message ?? "Kueue says nothing about it"}`,
    "look at its ClusterQueue and at Kueue's own pods",
  );
}

/** The API server checks a Job of each class as it would a real one, and makes none: also whether Kueue's webhook answers. */
async function checkJobs(client: KubeClient, settings: DoctorSettings): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const hardware of settings.kubernetes.classes) {
    const manifest = probeJob(hardware, settings);
    const { queue } = settings.kubernetes;
    const metadata = manifest.metadata ?? {};
    const labels = { ...metadata.labels, ...(queue && { [labelNames.queue]: queue }) };
    const { apiVersion, kind } = jobs;
    const body = { apiVersion, kind, ...manifest, metadata: { ...metadata, labels } };
    try {
      await client.transport.call({
        method: "POST",
        path: pathOf(jobs, client.namespace),
        query: { dryRun: "All" },
        body,
      });
      found.push(ok(`The API server takes Jobs of the hardware class ${hardware.name}`));
    } catch (error) {
      if (isKube(error, "unreachable", "timeout")) throw error;
      const text = error instanceof Error ? error.message : String(error);
      found.push(
        problem(
          `The API server refuses Jobs of the hardware class ${hardware.name}: ${text}`,
          "mend what it names",
        ),
      );
    }
  }
  return found;
}

async function exists(transport: KubeClient["transport"], path: string): Promise<boolean> {
  return (await find(transport, path)) !== undefined;
}

async function find<T>(transport: KubeClient["transport"], path: string): Promise<T | undefined> {
  try {
    return await transport.call<T>({ method: "GET", path });
  } catch (error) {
    if (isKube(error, "not_found")) return undefined;
    throw error;
  }
}
