import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { type BinaryName, binaryPath } from "../binaries/catalogue.ts";
import { writeStable } from "../write-stable.ts";
import { type Authority, openAuthority } from "./authority.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

/** One server as a command line; who starts it, and how long it lives, is decided elsewhere. */
export interface ServerCommand {
  readonly name: BinaryName | "containerd";
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ControlPlaneSettings {
  /** Holds everything. Short: paths of unix sockets end at 107 characters. */
  readonly dir: string;
  /** Where the API server listens and how its clients call it. */
  readonly host: string;
  readonly port: number;
  /** First address of it is the API server's own Service. */
  readonly serviceCidr: string;
  /** Puts the API server's address behind its Service, which only pods need. */
  readonly publishesEndpoint: boolean;
  readonly apiServerArgs?: readonly string[];
  readonly controllerManagerArgs?: readonly string[];
}

export interface ControlPlaneFiles {
  readonly authority: Authority;
  readonly url: string;
  /** Member of system:masters: may do everything. */
  readonly kubeconfig: string;
  readonly auditLog: string;
  readonly etcdSocket: string;
  readonly etcd: ServerCommand;
  readonly apiServer: ServerCommand;
  readonly controllerManager: ServerCommand;
  readonly scheduler: ServerCommand;
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
}

/** Makes keys, certificates and kubeconfigs below `dir`, or finds them there, and returns the command lines. */
export async function prepareControlPlane(settings: ControlPlaneSettings): Promise<ControlPlaneFiles> {
  const { dir, host, port } = settings;
  const authority = await openAuthority(join(dir, "pki"));
  const url = `https://${host}:${port}`;
  const kubeconfigFor = async (user: string, groups: readonly string[] = []) => {
    const name = [user, ...groups].join("-").replace(/[^\w.-]+/g, "-");
    const client = await authority.clientFiles(`client-${name}`, user, groups);
    return writeKubeconfig(join(dir, "kubeconfigs", name), { url, authority: authority.certFile, client });
  };
  const kubeconfig = await writeKubeconfig(join(dir, "kubeconfig"), {
    url,
    authority: authority.certFile,
    client: await authority.clientFiles("client-admin", "gradients-test-admin", ["system:masters"]),
  });
  const auditLog = join(dir, "audit.log");
  return {
    authority,
    url,
    kubeconfig,
    auditLog,
    etcdSocket: etcdSocket(dir),
    kubeconfigFor,
    etcd: await etcd(dir),
    apiServer: await apiServer(settings, authority, auditLog),
    controllerManager: await controllerManager(settings, authority, kubeconfigFor),
    scheduler: await scheduler(kubeconfigFor),
  };
}

export const etcdSocket = (dir: string) => join(dir, "etcd/client.sock");

/** On unix sockets: no port to lose, and only this user gets in. */
async function etcd(dir: string): Promise<ServerCommand> {
  const folder = join(dir, "etcd");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const client = `unix://${etcdSocket(dir)}`;
  const peer = `unix://${join(folder, "peer.sock")}`;
  return {
    name: "etcd",
    program: binaryPath("etcd"),
    args: [
      `--data-dir=${join(folder, "data")}`,
      "--unsafe-no-fsync", // test data: it need not survive a power cut
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--log-level=warn",
    ],
  };
}

async function apiServer(
  settings: ControlPlaneSettings,
  authority: Authority,
  auditLog: string,
): Promise<ServerCommand> {
  const { dir, host, port, serviceCidr, publishesEndpoint, apiServerArgs = [] } = settings;
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
  const addresses = ["127.0.0.1", host, firstAddress(serviceCidr)];
  const serving = await authority.serverFiles("kube-apiserver", "kube-apiserver", [...names, ...addresses]);
  const kubelet = await authority.clientFiles("kubelet-client", "kube-apiserver-kubelet-client", [
    "system:masters",
  ]);
  const tokens = await serviceAccountKeys(authority);
  const auditPolicy = await writeAuditPolicy(dir);
  return {
    name: "kube-apiserver",
    program: binaryPath("kube-apiserver"),
    args: [
      `--etcd-servers=unix://${etcdSocket(dir)}`,
      `--bind-address=${host}`,
      `--advertise-address=${host}`,
      `--secure-port=${port}`,
      `--endpoint-reconciler-type=${publishesEndpoint ? "lease" : "none"}`,
      `--service-cluster-ip-range=${serviceCidr}`,
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--allow-privileged=true", // refusing is the work of PodSecurity
      `--client-ca-file=${authority.certFile}`,
      `--tls-cert-file=${serving.certFile}`,
      `--tls-private-key-file=${serving.keyFile}`,
      `--kubelet-client-certificate=${kubelet.certFile}`,
      `--kubelet-client-key=${kubelet.keyFile}`,
      `--kubelet-certificate-authority=${authority.certFile}`,
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${tokens.certFile}`,
      `--service-account-signing-key-file=${tokens.keyFile}`,
      `--audit-policy-file=${auditPolicy}`,
      `--audit-log-path=${auditLog}`,
      "--max-requests-inflight=5000",
      "--max-mutating-requests-inflight=2500",
      ...apiServerArgs,
    ],
  };
}

/** Signs the tokens of service accounts; Kubernetes takes the public key from the certificate. */
const serviceAccountKeys = (authority: Authority) =>
  authority.clientFiles("service-accounts", "service-accounts");

/** Who did what, when, and the server's own clock; no bodies, since they hold secrets. */
async function writeAuditPolicy(dir: string): Promise<string> {
  const file = join(dir, "audit-policy.yaml");
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [
      {
        level: "None", // heartbeats of nodes and servers
        resources: [{ group: "coordination.k8s.io", resources: ["leases"] }],
        namespaces: ["kube-node-lease", "kube-system"],
      },
      { level: "Metadata" },
    ],
  };
  return writeStable(file, stringify(policy));
}

type KubeconfigFor = ControlPlaneFiles["kubeconfigFor"];

async function controllerManager(
  { controllerManagerArgs = [] }: ControlPlaneSettings,
  authority: Authority,
  kubeconfigFor: KubeconfigFor,
): Promise<ServerCommand> {
  const tokens = await serviceAccountKeys(authority);
  return {
    name: "kube-controller-manager",
    program: binaryPath("kube-controller-manager"),
    args: [
      `--kubeconfig=${await kubeconfigFor("system:kube-controller-manager")}`,
      "--leader-elect=false",
      "--secure-port=0",
      "--use-service-account-credentials",
      `--service-account-private-key-file=${tokens.keyFile}`,
      `--root-ca-file=${authority.certFile}`,
      `--cluster-signing-cert-file=${authority.certFile}`,
      `--cluster-signing-key-file=${authority.keyFile}`,
      ...clientLimits,
      "--concurrent-job-syncs=50",
      ...controllerManagerArgs,
    ],
  };
}

async function scheduler(kubeconfigFor: KubeconfigFor): Promise<ServerCommand> {
  return {
    name: "kube-scheduler",
    program: binaryPath("kube-scheduler"),
    args: [
      `--kubeconfig=${await kubeconfigFor("system:kube-scheduler")}`,
      "--leader-elect=false",
      "--secure-port=0",
      ...clientLimits,
    ],
  };
}

/** The defaults (20 and 30 per second) would make the cluster itself the slowest part of every measurement. */
const clientLimits = ["--kube-api-qps=300", "--kube-api-burst=500"];

function firstAddress(cidr: string): string {
  const [address = ""] = cidr.split("/");
  return address.replace(/\d+$/, (last) => String(Number(last) + 1));
}
