import {
  type AccessReview,
  accessReviews,
  isKube,
  type KubeClient,
  namespaces,
  pathOf,
  serviceAccounts,
} from "@gradients/kube";
import type { KubernetesFleetConfig } from "../kubernetes-config.ts";
import { type Finding, ok, problem, unlessForbidden, warning } from "./finding.ts";

type Right = readonly [group: string, resource: string, verbs: readonly string[]];

/** Everything that the scheduler does in the namespace. */
export const rights: readonly Right[] = [
  ["batch", "jobs", ["get", "list", "watch", "create", "patch", "delete"]],
  ["", "pods", ["list", "watch", "delete"]],
  ["", "secrets", ["get", "create", "delete"]],
  ["", "events", ["list", "watch"]],
  ["coordination.k8s.io", "leases", ["get", "create", "update"]],
];
/** Without it pods run, and less is known of one that crashed. */
export const rightToLogs: Right = ["", "pods/log", ["get"]];
const CURE = "bind the Role of the chart (trainers-rbac.yaml) to the scheduler's service account";

export async function checkAccess(
  client: KubeClient,
  config: KubernetesFleetConfig,
): Promise<readonly Finding[]> {
  return [
    ...(await unlessForbidden("The namespace", () => checkNamespace(client))),
    ...(await checkRights(client)),
    ...(await unlessForbidden("Service accounts", () => checkServiceAccount(client, config.serviceAccount))),
  ];
}

async function checkNamespace(client: KubeClient): Promise<readonly Finding[]> {
  const { namespace } = client;
  try {
    const { metadata } = await client.get(namespaces, namespace);
    const level = metadata?.labels?.["pod-security.kubernetes.io/enforce"];
    if (level === "restricted")
      return [ok(`The namespace ${namespace} enforces the restricted pod security level`)];
    return [
      warning(
        `The namespace ${namespace} enforces the pod security level ${level ?? "privileged"}`,
        `kubectl label namespace ${namespace} pod-security.kubernetes.io/enforce=restricted`,
      ),
    ];
  } catch (error) {
    if (!isKube(error, "not_found")) throw error;
    return [
      problem(
        `There is no namespace ${namespace}`,
        `kubectl create namespace ${namespace}, or let the chart make it`,
      ),
    ];
  }
}

async function checkRights(client: KubeClient): Promise<readonly Finding[]> {
  const where = `In ${client.namespace} this account`;
  const denied = (await Promise.all(rights.map((right) => deniedOf(client, right)))).flat();
  const canReadLogs = (await deniedOf(client, rightToLogs)).length === 0;
  return [
    denied.length === 0
      ? ok(`${where} has all rights that the scheduler needs`)
      : problem(`${where} may not, as the scheduler must: ${denied.join(", ")}`, CURE),
    canReadLogs
      ? ok(`${where} may read what a crashed agent said last`)
      : warning(`${where} may not read logs (get pods/log), so what a crashed agent said last is lost`, CURE),
  ];
}

async function deniedOf(client: KubeClient, [group, name, verbs]: Right): Promise<readonly string[]> {
  const [resource = "", subresource] = name.split("/");
  const denied: string[] = [];
  for (const verb of verbs)
    if (!(await isAllowed(client, { group, resource, subresource, verb }))) denied.push(`${verb} ${name}`);
  return denied;
}

async function isAllowed(
  { namespace, transport }: KubeClient,
  attributes: {
    readonly group: string;
    readonly resource: string;
    readonly subresource: string | undefined;
    readonly verb: string;
  },
): Promise<boolean> {
  const { apiVersion, kind } = accessReviews;
  const body = { apiVersion, kind, spec: { resourceAttributes: { namespace, ...attributes } } };
  const review = await transport.call<AccessReview>({
    method: "POST",
    path: pathOf(accessReviews, namespace),
    body,
  });
  return review.status?.allowed === true;
}

async function checkServiceAccount(client: KubeClient, name: string): Promise<readonly Finding[]> {
  try {
    await client.get(serviceAccounts, name);
    return [ok(`The pods' service account ${name} exists`)];
  } catch (error) {
    if (!isKube(error, "not_found")) throw error;
    return [
      problem(
        `The pods' service account ${name} does not exist in ${client.namespace}`,
        `kubectl -n ${client.namespace} create serviceaccount ${name}; it needs no rights and no token`,
      ),
    ];
  }
}
