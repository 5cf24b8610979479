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

/** Everything that the scheduler does in the namespace. */
const rights: readonly (readonly [group: string, resource: string, verbs: readonly string[]])[] = [
  ["batch", "jobs", ["get", "list", "watch", "create", "patch", "delete"]],
  ["", "pods", ["get", "list", "watch", "delete"]],
  ["", "secrets", ["get", "create", "delete"]],
  ["", "events", ["list", "watch"]],
  ["coordination.k8s.io", "leases", ["get", "create", "update"]],
];

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
  const denied: string[] = [];
  for (const [group, resource, verbs] of rights)
    for (const verb of verbs)
      if (!(await isAllowed(client, { group, resource, verb }))) denied.push(`${verb} ${resource}`);
  if (denied.length === 0) return [ok(`The scheduler has all rights that it needs in ${client.namespace}`)];
  return [
    problem(
      `In ${client.namespace} the scheduler may not: ${denied.join(", ")}`,
      "bind the Role of the chart (trainers-rbac.yaml) to the scheduler's service account",
    ),
  ];
}

async function isAllowed(
  { namespace, transport }: KubeClient,
  attributes: { readonly group: string; readonly resource: string; readonly verb: string },
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
