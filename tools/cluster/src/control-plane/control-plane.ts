import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  freePort,
  type GuardedChild,
  makeServerFolder,
  type ServerFolder,
  ServerStartError,
  spawnGuarded,
  untilReady,
} from "@gradients/testkit";
import { apiClient } from "./client.ts";
import { callEtcd, compactEtcd } from "./etcd-client.ts";
import { keptPort } from "./kubeconfig.ts";
import { type ControlPlaneFiles, prepareControlPlane, type ServerCommand } from "./servers.ts";

export interface ControlPlaneOptions {
  /** Keeps the state there; without it everything goes with the servers. Used by one control plane at a time. */
  readonly dir?: string;
  /** Makes pods of Jobs, collects garbage, fills in default service accounts. Default true. */
  readonly controllerManager?: boolean;
  /** Binds pods to nodes. Default false: without nodes there is nothing to bind to. */
  readonly scheduler?: boolean;
  /** Added to the API server's flags. */
  readonly apiServerArgs?: readonly string[];
  readonly controllerManagerArgs?: readonly string[];
}

export type ControlPlaneServer = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler";

export interface ControlPlane extends AsyncDisposable {
  readonly url: string;
  /** File of a kubeconfig that may do everything. */
  readonly kubeconfig: string;
  readonly dir: string;
  /** JSON lines with the server's own timestamps, one or more per request. */
  readonly auditLog: string;
  logFile(server: ControlPlaneServer): string;
  /** Writes a kubeconfig for a user that has only the rights which RBAC gives it. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Ends one server as a crash would; its clients' connections break. */
  kill(server: ControlPlaneServer): Promise<void>;
  /** Starts a killed server again, on the same address with the same data; resolves when it answers. */
  start(server: ControlPlaneServer): Promise<void>;
  /** Drops etcd's history. A client that is behind gets 410 Gone, once a restart has emptied the API server's own cache as well. */
  compact(): Promise<void>;
  stop(): Promise<void>;
}

const startTries = 3;

/** A real etcd and kube-apiserver on loopback, several at once if need be, without root. They end with this process. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnFreePort(options);
    } catch (error) {
      const lostItsPort =
        error instanceof ServerStartError && error.message.includes("address already in use");
      if (!lostItsPort || tries === startTries) throw error;
    }
  }
}

async function startOnFreePort(options: ControlPlaneOptions): Promise<ControlPlane> {
  const folder = await makeServerFolder("k8s", options.dir);
  const files = await prepareControlPlane({
    dir: folder.path,
    host: "127.0.0.1",
    port: (await keptPort(join(folder.path, "kubeconfig"))) ?? (await freePort()),
    serviceCidr: "10.96.0.0/16",
    publishesEndpoint: false,
    apiServerArgs: options.apiServerArgs ?? [],
    controllerManagerArgs: options.controllerManagerArgs ?? [],
  });
  const servers = serversOf(files, folder);
  try {
    for (const server of chosenServers(options)) await servers.start(server);
  } catch (error) {
    await servers.stop();
    throw error;
  }
  return {
    url: files.url,
    kubeconfig: files.kubeconfig,
    dir: folder.path,
    auditLog: files.auditLog,
    logFile: servers.logFile,
    kubeconfigFor: files.kubeconfigFor,
    kill: servers.kill,
    start: servers.start,
    compact: () => compactEtcd(files.etcdSocket),
    stop: servers.stop,
    [Symbol.asyncDispose]: servers.stop,
  };
}

function chosenServers(options: ControlPlaneOptions): readonly ControlPlaneServer[] {
  const { controllerManager = true, scheduler = false } = options;
  return [
    "etcd",
    "kube-apiserver",
    ...(controllerManager ? (["kube-controller-manager"] as const) : []),
    ...(scheduler ? (["kube-scheduler"] as const) : []),
  ];
}

interface Servers {
  logFile(server: ControlPlaneServer): string;
  start(server: ControlPlaneServer): Promise<void>;
  kill(server: ControlPlaneServer): Promise<void>;
  stop(): Promise<void>;
}

function serversOf(files: ControlPlaneFiles, folder: ServerFolder): Servers {
  const children = new Map<ControlPlaneServer, GuardedChild>();
  const logs = join(folder.path, "logs");
  const logFile = (server: ControlPlaneServer) => join(logs, `${server}.log`);
  const keeper = keepFolder(folder);
  const kill = async (server: ControlPlaneServer) => {
    await children.get(server)?.stop();
    children.delete(server);
  };
  return {
    logFile,
    kill,
    start: async (server) => {
      if (children.has(server)) return;
      await mkdir(logs, { recursive: true });
      const { command, isReady } = describe(files, server);
      const child = spawnGuarded({
        command: command.program,
        args: command.args,
        logFile: logFile(server),
        stopSignal: "KILL",
        stopTimeoutSeconds: 5,
        removeAtEnd: [],
      });
      children.set(server, child);
      await untilReady({ server, child, timeoutMs: 60_000, attempt: isReady });
    },
    stop: async () => {
      await Promise.all([...children.keys()].map(kill));
      await keeper.stop();
    },
  };
}

/**
 * Removes the folder after the servers, also when this process is killed. None of the servers can do it, since each may be killed
 * and started again. It ignores the request to stop for a second, in which they end.
 */
function keepFolder({ logFile, removeAtEnd }: ServerFolder): GuardedChild {
  return spawnGuarded({
    command: "sh",
    args: ["-c", "trap '' TERM; exec sleep 2147483647"],
    logFile,
    stopSignal: "TERM",
    stopTimeoutSeconds: 1,
    removeAtEnd,
  });
}

function describe(
  files: ControlPlaneFiles,
  server: ControlPlaneServer,
): { readonly command: ServerCommand; readonly isReady: () => Promise<void> } {
  switch (server) {
    case "etcd":
      return { command: files.etcd, isReady: () => etcdIsReady(files) };
    case "kube-apiserver":
      return { command: files.apiServer, isReady: () => apiServerIsReady(files) };
    case "kube-controller-manager":
      return { command: files.controllerManager, isReady: () => controllersAreReady(files) };
    case "kube-scheduler":
      return { command: files.scheduler, isReady: async () => {} };
  }
}

async function etcdIsReady({ etcdSocket }: ControlPlaneFiles): Promise<void> {
  await callEtcd(etcdSocket, "/v3/maintenance/status", {});
}

async function apiServerIsReady({ kubeconfig }: ControlPlaneFiles): Promise<void> {
  await (await apiClient(kubeconfig)).call("GET", "/readyz");
}

/** Pods need it, and the controllers make it last. */
async function controllersAreReady({ kubeconfig }: ControlPlaneFiles): Promise<void> {
  await (await apiClient(kubeconfig)).call("GET", "/api/v1/namespaces/default/serviceaccounts/default");
}
