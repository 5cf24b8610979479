import { type KubeClient, type Node, nodes, pathOf } from "@gradients/kube";
import { bytesOf, type KubernetesClass, type KubernetesFleetConfig } from "../kubernetes-config.ts";
import { type Finding, ok, problem, unlessForbidden, warning } from "./finding.ts";

/** Whether each class has machines, and enough of them. */
export function checkNodes(client: KubeClient, config: KubernetesFleetConfig): Promise<readonly Finding[]> {
  return unlessForbidden("Nodes", async () => {
    const path = pathOf(nodes, client.namespace);
    const { items } = await client.transport.call<{ readonly items: readonly Node[] }>({
      method: "GET",
      path,
    });
    return config.classes.map((hardware) => judge(hardware, config, items));
  });
}

function judge(hardware: KubernetesClass, config: KubernetesFleetConfig, all: readonly Node[]): Finding {
  const { name, nodeSelector, slots } = hardware;
  const what = `The hardware class ${name}`;
  const labelled = all.filter(({ metadata }) =>
    Object.entries(nodeSelector).every(([label, value]) => metadata?.labels?.[label] === value),
  );
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
  const places = open.map((node) => placesOn(node, hardware, config)).reduce((sum, count) => sum + count, 0);
  if (places === 0)
    return problem(
      `${what} fits no node: ${shortOf(open, hardware, config)}`,
      "make the class smaller, or nodes with more of it available",
    );
  if (places < slots)
    return warning(
      `${what} has ${slots} slots, and its ${open.length} node(s) hold ${places} pods when they are empty`,
      `set its slots to ${places}, or add nodes: pods beyond that wait`,
    );
  return ok(`${what} fits ${open.length} node(s), which hold ${places} pods; ${slots} slots are used`);
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

/** What one pod asks of a node, both containers together. Devices of a claim are not counted: their driver knows. */
function demandOf({ resources }: KubernetesClass, { agentCpu, agentMemory }: KubernetesFleetConfig) {
  const { gpu } = resources;
  return {
    cpu: coresOf(resources.cpu) + coresOf(agentCpu),
    memory: bytesOf(resources.memory) + bytesOf(agentMemory),
    ...(gpu && { [gpu.name]: gpu.count }),
  };
}

function placesOn(node: Node, hardware: KubernetesClass, config: KubernetesFleetConfig): number {
  const demand = Object.entries(demandOf(hardware, config));
  return Math.min(...demand.map(([resource, amount]) => Math.floor(allocatable(node, resource) / amount)));
}

function shortOf(open: readonly Node[], hardware: KubernetesClass, config: KubernetesFleetConfig): string {
  const demand = Object.entries(demandOf(hardware, config));
  const short = demand.find(([resource, amount]) =>
    open.every((node) => allocatable(node, resource) < amount),
  );
  if (!short) return "no single node has all that a pod needs";
  const [resource, amount] = short;
  return `a pod needs ${amount} ${resource === "memory" ? "bytes of memory" : resource}, and no node has so much`;
}

function allocatable({ status }: Node, resource: string): number {
  const text = status?.allocatable?.[resource] ?? "0";
  return resource === "cpu" ? coresOf(text) : bytesOf(text);
}

function coresOf(quantity: string): number {
  return quantity.endsWith("m") ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity);
}

function textOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}
