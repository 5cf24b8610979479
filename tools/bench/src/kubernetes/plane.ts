import {
  type ControlPlane,
  type ControlPlaneOptions,
  missingBinaries,
  startControlPlane,
} from "@gradients/cluster";
import {
  connectionFrom,
  KubeClient,
  KubeTransport,
  namespaces,
  RateLimiter,
  serviceAccounts,
} from "@gradients/kube";

/** For what a benchmark itself does: never what is measured waits for it. */
const UNLIMITED = { perSecond: 10_000, burst: 10_000 };
const WIDTH = 32;

/** An API server and its etcd, nothing else: no controller makes pods of Jobs and none takes part of the machine. */
export async function bareControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const missing = missingBinaries("etcd", "kube-apiserver");
  if (missing !== undefined) throw new Error(missing);
  return startControlPlane({ controllerManager: false, ...options });
}

export function clientFor(kubeconfig: string, namespace: string, limit = UNLIMITED): KubeClient {
  const transport = new KubeTransport({ ...connectionFrom(kubeconfig), namespace }, { userAgent: "bench" });
  return new KubeClient(transport, namespace, new RateLimiter(limit));
}

/** A namespace with the account that our pods run as. */
export async function makeNamespace(kubeconfig: string, name: string): Promise<KubeClient> {
  const client = clientFor(kubeconfig, name);
  await client.create(namespaces, { metadata: { name } });
  await client.create(serviceAccounts, { metadata: { name: "gradients-trainer" } });
  return client;
}

/** Some of them at the same time, in their order. */
export async function inParallel<T>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<unknown>,
  width = WIDTH,
): Promise<void> {
  const entries = items.entries();
  const worker = async () => {
    for (const [index, item] of entries) await act(item, index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
