import { applyObjects, kubectl } from "@gradients/cluster/testing";
import { TRAINERS_NAMESPACE } from "./namespaces.ts";

/** What stands in the cluster for a while. */
export async function applied(...objects: readonly NamedObject[]): Promise<AsyncDisposable> {
  await applyObjects(...objects);
  const remove = async () => {
    for (const { kind, metadata } of objects)
      await kubectl(
        "delete",
        kind,
        metadata.name,
        "--namespace",
        metadata.namespace,
        "--ignore-not-found",
        "--grace-period=1",
      );
  };
  return { [Symbol.asyncDispose]: remove };
}

interface NamedObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** So many pods of trainers and no more. */
export const quotaOnPods = (pods: number) => ({
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata: { name: "few-pods", namespace: TRAINERS_NAMESPACE },
  spec: { hard: { pods: String(pods) } },
});

/** A container of the test's shell image; on the node's own network if need be. */
export const shellPod = (name: string, script: string, { isOfNode = false } = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: {
    hostNetwork: isOfNode,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "main",
        image: "gradients.test/shell:1",
        imagePullPolicy: "Never",
        command: ["sh", "-c", script],
        securityContext: { privileged: isOfNode },
      },
    ],
  },
});

/** A registry on the node that answers, and has no image. */
const REGISTRY_PORT = 5_999;
export const missingImage = `localhost:${REGISTRY_PORT}/nothing@sha256:${"0".repeat(64)}`;
export const emptyRegistry = shellPod("registry", `busybox httpd -f -p 127.0.0.1:${REGISTRY_PORT} -h /bin`, {
  isOfNode: true,
});

export async function podsReady(...names: readonly string[]): Promise<void> {
  await kubectl("wait", "pod", ...names, "--for=condition=Ready", "--timeout=60s");
}
