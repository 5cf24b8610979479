import type { Config } from "@gradients/runtime";
import { z } from "zod";

/** A quantity as Kubernetes writes it, in bytes: `512Mi`, `20Gi`, `1500M`. */
export function bytesOf(quantity: string): number {
  const match = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/.exec(quantity);
  if (!match) return Number.NaN;
  const unit = match[2] ?? "";
  const step = unit.endsWith("i") ? 1024 : 1000;
  const power = unit === "" ? 0 : "kmgt".indexOf(unit[0]?.toLowerCase() ?? "") + 1;
  return Number(match[1]) * step ** power;
}

const size = z.string().refine((text) => bytesOf(text) > 0, "a size such as 512Mi or 20Gi");
const cpu = z.string().regex(/^(\d+|\d+m|\d*\.\d+)$/, "a number of cores such as 4 or 500m");

const gpu = z.strictObject({
  name: z
    .string()
    .min(1)
    .describe("Name of the extended resource, for example nvidia.com/gpu or nvidia.com/mig-1g.10gb."),
  count: z.int().min(1),
});

const toleration = z.strictObject({
  key: z.string().optional(),
  operator: z.enum(["Exists", "Equal"]).optional(),
  value: z.string().optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional(),
  tolerationSeconds: z.int().optional(),
});

/** A kind of node, and what each of its pods gets. All attempts of a job run on one class. */
const kubernetesClass = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and dashes"),
    description: z.string(),
    slots: z.int().min(1),
    threadsPerSlot: z.int().min(1),
    image: z.string().min(1),
    contestantImage: z.string().min(1).optional(),
    nodeSelector: z.record(z.string(), z.string()).default({}),
    tolerations: z.array(toleration).default([]),
    resources: z.strictObject({
      cpu,
      memory: size,
      ephemeralStorage: size,
      gpu: gpu.optional(),
      claim: z.string().min(1).optional().describe("Name of a ResourceClaimTemplate."),
    }),
    runtimeClassName: z.string().min(1).optional(),
    shmSize: size.default("64Mi"),
    workSize: size.default("20Gi"),
    tmpSize: size.default("1Gi"),
  })
  .refine(
    ({ resources: { gpu: plain, claim } }) => !(plain && claim),
    "either resources.gpu or resources.claim, not both",
  )
  .refine(
    ({ resources, workSize, tmpSize }) =>
      bytesOf(resources.ephemeralStorage) >= bytesOf(workSize) + bytesOf(tmpSize),
    "resources.ephemeralStorage must hold workSize and tmpSize",
  )
  .refine(
    ({ resources, shmSize }) => bytesOf(resources.memory) > bytesOf(shmSize),
    "resources.memory must exceed shmSize",
  );

export const kubernetesSchema = z.object({
  namespace: z.string().min(1).describe("Namespace of the pods."),
  kubeconfig: z.string().optional().describe("Path of a kubeconfig; the pod's own service account if unset."),
  agentImage: z.string().min(1).describe("Image of the services, by digest: the agent runs from it."),
  classes: z
    .array(kubernetesClass)
    .min(1)
    .describe(
      "Hardware classes as a JSON list of {name, description, slots, threadsPerSlot, image (the platform's engine), contestantImage (trains in its place), nodeSelector, tolerations, resources: {cpu, memory, ephemeralStorage, gpu: {name, count} | claim}, runtimeClassName, shmSize, workSize, tmpSize}.",
    ),
  queue: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Kueue's LocalQueue in that namespace: Kueue then lets the Jobs begin, otherwise the scheduler does.",
    ),
  serviceAccount: z
    .string()
    .default("gradients-trainer")
    .describe("Service account of the pods, without a token."),
  agentCpu: cpu.default("500m").describe("CPU of the agent's container."),
  agentMemory: size.default("512Mi").describe("Memory of the agent's container."),
  privateSize: size.default("2Gi").describe("Disk space of the agent's own."),
  userNamespaces: z
    .boolean()
    .default(false)
    .describe("Run pods in user namespaces (hostUsers: false); nodes need containerd 2 and runc 1.2."),
  networkGate: z
    .boolean()
    .default(true)
    .describe(
      "Keep agent and engine back until API server and resolvers are out of the pod's reach: a network that enforces policies takes a moment to close a new pod.",
    ),
  openDns: z
    .boolean()
    .default(false)
    .describe(
      "The policies leave resolvers open to pods, or cannot close them, like one on the node itself: then the API server alone tells whether a network is closed, and each pod waits for 15 s.",
    ),
  callsPerSecond: z.number().positive().default(50).describe("Calls to the API server, sustained."),
  callBurst: z.int().min(1).default(100).describe("Calls to the API server at once."),
  maxPendingPods: z
    .int()
    .min(1)
    .default(200)
    .describe("With so many pods of a class that wait to run, no more are placed until half of them do."),
  keepSeconds: z
    .int()
    .min(0)
    .default(600)
    .describe(
      "How long Kubernetes keeps an ended Job that the scheduler has dealt with but could not delete.",
    ),
  auditSeconds: z
    .number()
    .positive()
    .default(600)
    .describe("Between two full lists that check what the watches have told."),
});

export type KubernetesFleetConfig = Config<typeof kubernetesSchema>;
export type KubernetesClass = KubernetesFleetConfig["classes"][number];
