import type { KubeTransport } from "@gradients/kube";
import { expect, vi } from "vitest";

const group = "/apis/admissionregistration.k8s.io/v1";
const policies = `${group}/validatingadmissionpolicies`;
const bindings = `${group}/validatingadmissionpolicybindings`;

/**
 * A policy that lets no pod without a gate into the namespace, until it is disposed of. In force when it resolves: a map of configuration,
 * which has no gate either, tells.
 */
export async function requireGate(transport: KubeTransport, namespace: string): Promise<AsyncDisposable> {
  const rules = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"] };
  const spec = {
    matchConstraints: {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      resourceRules: [{ ...rules, resources: ["pods", "configmaps"] }],
    },
    validations: [
      { expression: "has(object.spec) && has(object.spec.initContainers)", message: "a gate comes first" },
    ],
  };
  const metadata = { name: namespace };
  const binding = { metadata, spec: { policyName: namespace, validationActions: ["Deny"] } };
  await transport.call({ method: "POST", path: policies, body: { metadata, spec } });
  await transport.call({ method: "POST", path: bindings, body: binding });
  const body = { metadata: { generateName: "probe-" } };
  const probe = () =>
    transport.call({ method: "POST", path: `/api/v1/namespaces/${namespace}/configmaps`, body });
  await vi.waitFor(() => expect(probe()).rejects.toThrow("a gate comes first"), { timeout: 30_000 });
  return {
    [Symbol.asyncDispose]: async () => {
      for (const path of [bindings, policies])
        await transport.call({ method: "DELETE", path: `${path}/${namespace}` });
    },
  };
}
