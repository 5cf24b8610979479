import { addresses } from "@gradients/cluster";
import { kubectl, kubectlLines } from "@gradients/cluster/testing";
import { type Installation } from "./installation.ts";
import { SERVICES_NAMESPACE } from "./namespaces.ts";
import { podsReady, shellPod } from "./passing-objects.ts";

/** What there is to find, as the attacker reads it in its training data. */
export interface Targets {
  /** Name to host:port. */
  readonly tcp: Readonly<Record<string, string>>;
  /** Addresses of DNS servers. */
  readonly dns: readonly string[];
  /** The only two that pods may reach, as host:port. */
  readonly objects: string;
  readonly relay: string;
}

const METADATA = "169.254.169.254";
const BYSTANDER = "bystander";

export async function findTargets({ servers }: Installation): Promise<Targets> {
  const host = addresses.host;
  const portOf = (url: string) => new URL(url).port;
  const pod = async (component: string) =>
    firstOf("pods", `app.kubernetes.io/component=${component}`, "{.items[0].status.podIP}");
  const service = (namespace: string, name: string) =>
    kubectl("get", "service", name, "--namespace", namespace, "--output", "jsonpath={.spec.clusterIP}");
  const api = await service("default", "kubernetes");
  const dns = await service("kube-system", "kube-dns");
  const scheduler = await pod("scheduler");
  return {
    tcp: {
      "api-server": `${api}:443`,
      "api-server-node": `${addresses.node}:6443`,
      kubelet: `${addresses.node}:10250`,
      metadata: `${METADATA}:80`,
      "gateway-service": `${await service(SERVICES_NAMESPACE, "gradients-gateway")}:50051`,
      gateway: `${await pod("gateway")}:50051`,
      "scheduler-grpc": `${scheduler}:50052`,
      "scheduler-metrics": `${scheduler}:9464`,
      scorer: `${await pod("scorer")}:50053`,
      "chain-bridge": `${await pod("chain-bridge")}:50054`,
      postgres: `${host}:${servers.postgres.port}`,
      nats: `${host}:${portOf(servers.nats.url)}`,
      "dns-tcp": `${dns}:53`,
    },
    dns: [dns, "8.8.8.8"],
    objects: `${host}:${portOf(servers.s3.endpoint)}`,
    relay: `${await service(SERVICES_NAMESPACE, "gradients-scheduler-relay")}:50062`,
  };
}

function firstOf(kind: string, selector: string, path: string): Promise<string> {
  const query = ["--namespace", SERVICES_NAMESPACE, "--selector", selector, "--output", `jsonpath=${path}`];
  return kubectl("get", kind, ...query);
}

/** A metadata service as clouds have it, on the node itself, and a place to look from that no policy holds. */
export const surroundings = [
  shellPod(
    "metadata",
    `busybox ip address add ${METADATA}/32 dev lo; busybox httpd -f -p ${METADATA}:80 -h /bin`,
    { isOfNode: true },
  ),
  shellPod(BYSTANDER, "sleep 3600"),
];

/** Which of the targets a pod without any policy reaches: else a refusal would prove nothing. */
export async function reachedByOthers(targets: readonly string[]): Promise<readonly string[]> {
  await podsReady(...surroundings.map(({ metadata: { name } }) => name));
  const tries = targets.map(
    (target) => `nc -w 2 ${target.replace(":", " ")} < /dev/null > /dev/null && echo ${target}`,
  );
  return kubectlLines("exec", BYSTANDER, "--", "sh", "-c", `${tries.join("; ")}; true`);
}
