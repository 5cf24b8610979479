import { binaryPath } from "../binaries/catalogue.ts";
import { clusterKubeconfig } from "../cluster/cluster.ts";
import { run } from "../run.ts";

/** The real kubectl as the cluster's admin. A refusal rejects with the server's sentence. */
export const kubectl = (...args: readonly string[]) =>
  run([binaryPath("kubectl"), "--kubeconfig", clusterKubeconfig, ...args]);

export const applyObjects = (...objects: readonly object[]) =>
  run(
    [binaryPath("kubectl"), "--kubeconfig", clusterKubeconfig, "apply", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
  );
