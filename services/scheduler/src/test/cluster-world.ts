import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Attempt, SchedulerService } from "@gradients/contracts/scheduler";
import { AttemptService } from "@gradients/contracts/trainer";
import { TestApiServer } from "@gradients/kube/testing";
import { createRpcClient, type RpcClient } from "@gradients/rpc";
import { expect, vi } from "vitest";
import { agentImage, type ClusterGround, clusterGround, hardwareClass } from "./cluster-ground.ts";
import { createWorld, type World } from "./world.ts";

/** A scheduler whose pods are Jobs of the API server's double. */
export interface ClusterWorld extends AsyncDisposable {
  readonly world: World;
  readonly server: TestApiServer;
  readonly ground: ClusterGround;
  /** Of a replica, for one in a process of its own. */
  readonly env: Readonly<Record<string, string>>;
  /** One more replica, with variables that differ. */
  start(
    more?: Readonly<Record<string, string>>,
  ): Promise<{ stop(): Promise<void>; readonly relay: string; readonly grpc: string }>;
  attemptsOf(jobId: string): Promise<readonly Attempt[]>;
  /** Speaks as the pod, with the token that its Secret holds. */
  speakAs(podName: string): Promise<RpcClient<typeof AttemptService>>;
  jobNames(): readonly string[];
  /** All that were ever made, the same one as often as it was. */
  madeJobs(): readonly string[];
}

const NAMESPACE = "trainers";

export async function createClusterWorld(env: Readonly<Record<string, string>> = {}): Promise<ClusterWorld> {
  await using cleanup = new AsyncDisposableStack();
  const world = cleanup.use(await createWorld());
  const server = cleanup.use(new TestApiServer());
  await server.up();
  const connection = server.connection(NAMESPACE);
  const ground = cleanup.use(clusterGround(connection, "node-1"));
  const kubeconfig = join(world.fleetDir, "../kubeconfig");
  await writeFile(kubeconfig, kubeconfigFor(connection.server));
  const replicas: Awaited<ReturnType<ClusterWorld["start"]>>[] = [];
  const clients: { close(): void }[] = [];
  cleanup.defer(() => {
    for (const client of clients) client.close();
  });
  const own = {
    SCHEDULER_FLEET_KIND: "kubernetes",
    SCHEDULER_FLEET_KUBERNETES_NAMESPACE: NAMESPACE,
    SCHEDULER_FLEET_KUBERNETES_KUBECONFIG: kubeconfig,
    SCHEDULER_FLEET_KUBERNETES_AGENT_IMAGE: agentImage,
    SCHEDULER_FLEET_KUBERNETES_CLASSES: JSON.stringify([{ ...hardwareClass, name: "local" }]),
    SCHEDULER_FLEET_KUBERNETES_CALLS_PER_SECOND: "500",
    SCHEDULER_FLEET_KUBERNETES_CALL_BURST: "500",
    SCHEDULER_ATTEMPTS_RETRY_DELAYS_SECONDS: "[0]",
    SCHEDULER_ATTEMPTS_POLL_SECONDS: "0.2",
    ...env,
  };
  const owned = cleanup.move();
  return {
    world,
    server,
    ground,
    env: { ...world.env, ...own },
    start: async (more = {}) => {
      const { addresses, stop } = await world.startScheduler({ ...own, ...more });
      const replica = { stop, relay: addresses["relay"] ?? "", grpc: addresses["grpc"] ?? "" };
      replicas.push(replica);
      return replica;
    },
    attemptsOf: async (jobId) => {
      const target = replicas.at(-1)?.grpc ?? "";
      const service = createRpcClient(SchedulerService, { target, defaultDeadlineMs: 5_000 });
      try {
        return (await service.listAttempts({ jobId })).attempts;
      } finally {
        service.close();
      }
    },
    speakAs: async (podName) => {
      const target = replicas.at(-1)?.relay ?? "";
      const token = await ground.tokenOf(podName);
      const relay = createRpcClient(AttemptService, { target, token, defaultDeadlineMs: 5_000 });
      clients.push(relay);
      return relay;
    },
    jobNames: () =>
      server.store.list(`/apis/batch/v1/namespaces/${NAMESPACE}/jobs`).map(({ metadata }) => metadata.name),
    madeJobs: () => server.made.flatMap((key) => /\/jobs\/(.+)$/.exec(key)?.[1] ?? []),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(replicas.map(({ stop }) => stop())); // while their cluster still answers
      await owned.disposeAsync();
    },
  };
}

/** JSON is YAML. */
function kubeconfigFor(server: string): string {
  return JSON.stringify({
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [{ name: "test", cluster: { server } }],
    users: [{ name: "test", user: { token: "test" } }],
  });
}

export async function eventually<T>(
  look: () => Promise<T> | T,
  expected: object,
  timeout = 20_000,
): Promise<T> {
  return vi.waitFor(
    async () => {
      const found = await look();
      expect(found).toMatchObject(expected);
      return found;
    },
    { timeout, interval: 50 },
  );
}
