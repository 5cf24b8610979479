import { isKube, type KubeClient, KubeError, type Node } from "@gradients/kube";
import { type Finding, ok, unlessForbidden, warning } from "./finding.ts";

/** Asked side by side. */
const BATCH = 16;
const TIMEOUT_MS = 5_000;
const NAMED = 3;
/** Refused by the API server to this account, or by kubelets and managed clusters to everybody: both look alike. */
const REFUSED =
  "look with an account that may get nodes/proxy, which the scheduler's own never should, or, where that is refused to everybody, see on the nodes whether podPidsLimit is set in the KubeletConfiguration";

type Limit = "limited" | "unlimited" | "silent";

/** Whether each kubelet limits the processes of a pod: nothing that a pod or its namespace says can. */
export function checkProcessLimits(client: KubeClient, nodes: readonly Node[]): Promise<readonly Finding[]> {
  const look = async () => {
    const names = nodes.map(({ metadata }) => metadata?.name ?? "");
    const byLimit = Map.groupBy(await limitsOf(client, names), ({ limit }) => limit);
    return [...byLimit].map(([limit, found]) => judge(limit, textOf(found.map(({ name }) => name))));
  };
  return unlessForbidden("Limits of processes, which kubelets set,", look, REFUSED);
}

async function limitsOf(client: KubeClient, names: readonly string[]) {
  const limits: { readonly name: string; readonly limit: Limit }[] = [];
  for (let first = 0; first < names.length; first += BATCH) {
    const batch = names.slice(first, first + BATCH);
    limits.push(
      ...(await Promise.all(batch.map(async (name) => ({ name, limit: await limitOf(client, name) })))),
    );
  }
  return limits;
}

interface Configz {
  readonly kubeletconfig?: { readonly podPidsLimit?: number };
}

async function limitOf({ transport }: KubeClient, name: string): Promise<Limit> {
  const path = `/api/v1/nodes/${encodeURIComponent(name)}/proxy/configz`;
  try {
    const { kubeletconfig } = await transport.call<Configz>({ method: "GET", path, timeoutMs: TIMEOUT_MS });
    return (kubeletconfig?.podPidsLimit ?? -1) > 0 ? "limited" : "unlimited";
  } catch (error) {
    if (!(error instanceof KubeError) || isKube(error, "forbidden", "unauthorized", "unreachable"))
      throw error;
    return "silent";
  }
}

function judge(limit: Limit, nodes: string): Finding {
  if (limit === "limited") return ok(`The kubelet limits the processes of a pod on ${nodes}`);
  if (limit === "unlimited")
    return warning(
      `The kubelet does not limit the processes of a pod on ${nodes}: a fork bomb takes the node along`,
      "set podPidsLimit in the KubeletConfiguration there, for example to 4096 (threads count), and restart the kubelet",
    );
  return warning(
    `The kubelet does not tell through the API server how it is configured on ${nodes}`,
    "see whether the node is up, and that podPidsLimit is set in its KubeletConfiguration",
  );
}

function textOf(nodes: readonly string[]): string {
  const rest = nodes.length - NAMED;
  const named = nodes.slice(0, NAMED).join(", ");
  return `${nodes.length} node(s): ${named}${rest > 0 ? ` and ${rest} more` : ""}`;
}
