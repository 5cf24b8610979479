import { type Clock, systemClock } from "@gradients/kernel";
import {
  type Job,
  jobs,
  KubeClient,
  type KubeConnection,
  KubeTransport,
  pathOf,
  pods,
  RateLimiter,
  type Resource,
  secrets,
} from "@gradients/kube";
import { createLogger } from "@gradients/runtime";
import { vi } from "vitest";
import { kubernetesSchema } from "../fleet/kubernetes/kubernetes-config.ts";
import { KubernetesFleet } from "../fleet/kubernetes/kubernetes-fleet.ts";
import { FakeKubelet } from "./fake-kubelet.ts";
import type { FleetGround } from "./fleet-conformance.ts";

const digest = `sha256:${"0".repeat(64)}`;
export const agentImage = `services@${digest}`;
/** As configuration has it. */
export const hardwareClass = {
  name: "cpu",
  description: "test",
  slots: 4,
  threadsPerSlot: 1,
  image: `trainer@${digest}`,
  resources: { cpu: "1", memory: "1Gi", ephemeralStorage: "2Gi" },
  workSize: "1Gi",
};

export interface ClusterGround extends FleetGround {
  readonly kubelet: FakeKubelet;
  readonly client: KubeClient;
  open(settings?: Readonly<Record<string, unknown>>, clock?: Clock): Promise<KubernetesFleet>;
}

/** A namespace of a cluster, with one node whose kubelet is ours. */
export function clusterGround(connection: KubeConnection, nodeName: string): ClusterGround {
  const client = clientOf(connection);
  const kubelet = new FakeKubelet(client, nodeName);
  const transports = [client.transport];
  return {
    kubelet,
    client,
    open: async (settings = {}, clock = systemClock) => {
      const own = clientOf(connection);
      transports.push(own.transport);
      const fleet = fleetOf(own, settings, clock);
      await fleet.open();
      return fleet;
    },
    behave: (behaviour) => {
      kubelet.behaviour = behaviour;
    },
    tokenOf: (name) =>
      vi.waitFor(
        async () => {
          const token = await kubelet.tokenOf(name);
          if (token === undefined) throw new Error(`${name} does not run yet`);
          return token;
        },
        { timeout: 20_000, interval: 50 },
      ),
    engineImage: async (name) => {
      const path = `${pathOf(jobs, connection.namespace)}/${name}`;
      const { spec } = await client.transport.call<Job>({ method: "GET", path });
      return spec?.template.spec?.containers.find((container) => container.name === "engine")?.image;
    },
    isAlive: async (name) => kubelet.isAlive(name),
    leftovers: async () => {
      const found = await Promise.all([jobs, pods, secrets].map((resource) => namesOf(client, resource)));
      return found.flat();
    },
    [Symbol.asyncDispose]: async () => {
      await kubelet.close();
      await Promise.all(transports.map((transport) => transport.close()));
    },
  };
}

function clientOf(connection: KubeConnection): KubeClient {
  const transport = new KubeTransport(connection, { userAgent: "test" });
  return new KubeClient(transport, connection.namespace, new RateLimiter({ perSecond: 500, burst: 500 }));
}

function fleetOf(
  client: KubeClient,
  settings: Readonly<Record<string, unknown>>,
  clock: Clock,
): KubernetesFleet {
  const logger = createLogger({ service: "test", level: "silent" });
  const kubernetes = kubernetesSchema.parse({
    namespace: client.namespace,
    agentImage,
    classes: [hardwareClass],
    ...settings,
  });
  const limiter = new RateLimiter({ perSecond: 500, burst: 500 });
  const view = { limiter, logger, times: { idleMs: 2_000, maxBackoffMs: 500 } };
  return new KubernetesFleet(
    { kubernetes, podEnvironment: {}, stopGraceSeconds: 5 },
    { client, view, logger, clock },
  );
}

async function namesOf(client: KubeClient, resource: Resource<unknown>): Promise<readonly string[]> {
  const path = pathOf(resource, client.namespace);
  const query = { labelSelector: "app.kubernetes.io/managed-by=gradients-scheduler" };
  const { items } = await client.transport.call<{ items: { metadata: { name: string } }[] }>({
    method: "GET",
    path,
    query,
  });
  return items.map(({ metadata }) => `${resource.plural}/${metadata.name}`);
}
