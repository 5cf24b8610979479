import { binaryPath, missingBinaries, type Outcome, outcomeOf, startControlPlane } from "@gradients/cluster";

const missing = missingBinaries("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm");

export const hasApiServer = missing === undefined;
if (!hasApiServer) process.stdout.write(`${missing}; without it nothing is tried on an API server\n`);

export interface ApiServer extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Of a user with the rights that RBAC gives and no others. */
  kubeconfigFor(user: string): Promise<string>;
  /** Runs kubectl; a failure is in the result. */
  kubectl(args: readonly string[], input?: string | object): Promise<Outcome>;
}

/** A real control plane without nodes: objects are checked and stored, and no pod ever runs. */
export async function startApiServer(options: { readonly controllers: boolean }): Promise<ApiServer> {
  const plane = await startControlPlane({ controllerManager: options.controllers });
  return {
    kubeconfig: plane.kubeconfig,
    kubeconfigFor: (user) => plane.kubeconfigFor(user),
    kubectl: (args, input = "") =>
      run(
        binaryPath("kubectl"),
        args,
        plane.kubeconfig,
        typeof input === "string" ? input : JSON.stringify(input),
      ),
    [Symbol.asyncDispose]: () => plane.stop(),
  };
}

export function run(
  program: string,
  args: readonly string[],
  kubeconfig: string,
  input = "",
): Promise<Outcome> {
  return outcomeOf([program, ...args], { input, env: { ...process.env, KUBECONFIG: kubeconfig } });
}

export const list = (items: readonly object[]) => ({ apiVersion: "v1", kind: "List", items });
