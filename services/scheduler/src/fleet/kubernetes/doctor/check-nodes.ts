import { type Job, type KubeClient, type Node, nodes, pathOf } from "@gradients/kube";
import type { ManifestSettings } from "../job-manifest.ts";
import { bytesOf, type KubernetesClass } from "../kubernetes-config.ts";
import { checkProcessLimits } from "./check-process-limits.ts";
import { type Finding, ok, problem, unlessForbidden, warning } from "./finding.ts";
import { probeJob } from "./probe-job.ts";

/** Whether each class has machines, and enough of them, and what only their kubelets can hold. */
export function checkNodes(client: KubeClient, settings: ManifestSettings): Promise<readonly Finding[]> {
  const { classes } = settings.kubernetes;
  return unlessForbidden("Nodes", async () => {
    const path = pathOf(nodes, client.namespace);
    const { items } = await client.transport.call<{ readonly items: readonly Node[] }>({
      method: "GET",
      path,
    });
    const judged = classes.map((hardware) => judge(hardware, demandOf(probeJob(hardware, settings)), items));
    const ours = items.filter((node) => classes.some((hardware) => isLabelled(node, hardware)));
    return [...judged, ...(await checkProcessLimits(client, ours))];
  });
}

function judge(hardware: KubernetesClass, demand: Demand, all: readonly Node[]): Finding {
  const { name, nodeSelector, slots } = hardware;
  const what = `The hardware class ${name}`;
  const labelled = all.filter((node) => isLabelled(node, hardware));
  if (labelled.length === 0)
    return problem(
      `${what} fits no node: none has the labels ${textOf(nodeSelector)}`,
      "label the nodes, or mend the class's nodeSelector",
    );
  const open = labelled.filter(
    (node) => !node.spec?.unschedulable && untolerated(node, hardware) === undefined,
  );
  if (open.length === 0) {
    const taint = labelled.map((node) => untolerated(node, hardware)).find((text) => text !== undefined);
    return problem(
      `${what} fits no node: ${taint ? `they are tainted with ${taint}` : "they are cordoned"}`,
      taint ? "add a toleration to the class" : "kubectl uncordon a node",
    );
  }
  const places = open.map((node) => placesOn(node, demand)).reduce((sum, count) => sum + count, 0);
  if (places === 0)
    return problem(
      `${what} fits no node: ${shortOf(open, demand)}`,
      "make the class smaller, or nodes with more of it available",
    );
  if (places < slots)
    return warning(
      `${what} has ${slots} slots, and its ${open.length} node(s) hold ${places} pods when they are empty`,
      `set its slots to ${places}, or add nodes: pods beyond that wait`,
    );
  return ok(`${what} fits ${open.length} node(s), which hold ${places} pods; ${slots} slots are used`);
}

function isLabelled({ metadata }: Node, { nodeSelector }: KubernetesClass): boolean {
  return Object.entries(nodeSelector).every(([label, value]) => metadata?.labels?.[label] === value);
}

type Taint = NonNullable<NonNullable<Node["spec"]>["taints"]>[number];

function untolerated({ spec }: Node, { tolerations }: KubernetesClass): string | undefined {
  const taint = (spec?.taints ?? [])
    .filter(({ effect }) => effect !== "PreferNoSchedule")
    .find((one) => !tolerations.some((toleration) => tolerates(toleration, one)));
  return taint && `${taint.key}${taint.value ? `=${taint.value}` : ""}:${taint.effect}`;
}

function tolerates(toleration: KubernetesClass["tolerations"][number], taint: Taint): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  if (toleration.key !== undefined && toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "");
}

/** By resource; bytes, cores or devices. */
type Demand = Readonly<Record<string, number>>;

/** What one pod asks of a node, its containers together. Devices of a claim are not counted: their driver knows. */
function demandOf({ spec }: Job): Demand {
  const demand: Record<string, number> = {};
  for (const { resources } of spec?.template.spec?.containers ?? [])
    for (const [resource, quantity] of Object.entries(resources?.requests ?? {}))
      demand[resource] = (demand[resource] ?? 0) + amountOf(quantity);
  return demand;
}

function placesOn(node: Node, demand: Demand): number {
  return Math.min(
    ...Object.entries(demand).map(([resource, amount]) => Math.floor(allocatable(node, resource) / amount)),
  );
}

function shortOf(open: readonly Node[], demand: Demand): string {
  const short = Object.entries(demand).find(([resource, amount]) =>
    open.every((node) => allocatable(node, resource) < amount),
  );
  if (!short) return "no single node has all that a pod needs";
  const [resource, amount] = short;
  return `a pod needs ${amount} ${units[resource] ?? resource}, and no node has so much`;
}

const units: Readonly<Record<string, string>> = {
  memory: "bytes of memory",
  "ephemeral-storage": "bytes of ephemeral storage",
};

function allocatable({ status }: Node, resource: string): number {
  return amountOf(status?.allocatable?.[resource] ?? "0");
}

function amountOf(quantity: string): number {
  if (quantity.endsWith("m")) return Number(quantity.slice(0, -1)) / 1000;
  const plain = Number(quantity);
  return Number.isNaN(plain) ? bytesOf(quantity) : plain;
}

function textOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}
