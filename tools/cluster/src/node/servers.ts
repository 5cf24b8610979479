import { existsSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type BinaryName, binaryPath } from "../binaries/catalogue.ts";
import type { ControlPlaneFiles, ServerCommand } from "../control-plane/servers.ts";
import { imagesFolder } from "../layout.ts";
import { writeStable } from "../write-stable.ts";
import { addresses, nodeName, ports } from "./addresses.ts";
import { cgroupName } from "./cgroups.ts";
import { pauseImage } from "./images.ts";
import { cniFolders, programPath } from "./packages.ts";

export const containerdSocket = (dir: string) => join(dir, "containerd/containerd.sock");

/** Everything of containerd that outlives the cluster. */
const containerdRoot = join(imagesFolder, "containerd");

/** The node's own servers as command lines, with their configuration written below `dir`. */
export interface NodeServers {
  readonly containerd: ServerCommand;
  /** The same without its part that runs pods. */
  readonly podlessContainerd: ServerCommand;
  readonly kubelet: ServerCommand;
  readonly kubeProxy: ServerCommand;
  readonly kubeRouter: ServerCommand;
}

export async function prepareNode(dir: string, files: ControlPlaneFiles): Promise<NodeServers> {
  return {
    ...(await containerds(dir)),
    kubelet: await kubelet(dir, files),
    kubeProxy: await kubeProxy(dir, files),
    kubeRouter: await kubeRouter(files),
  };
}

async function containerds(dir: string): Promise<Pick<NodeServers, "containerd" | "podlessContainerd">> {
  const cni = await writeNetwork(dir);
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  const pluginsFolder = cniFolders.find((folder) => existsSync(join(folder, "bridge"))) ?? "";
  const pods = `${cri}]
  sandbox_image = ${JSON.stringify(pauseImage.name)}
  # Without CAP_SYS_RESOURCE no sandbox could start otherwise.
  restrict_oom_score_adj = true
${cri}.cni]
  bin_dir = ${JSON.stringify(pluginsFolder)}
  conf_dir = ${JSON.stringify(cni)}
${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
  const unused = [
    "internal.v1.opt",
    ...["btrfs", "zfs", "devmapper", "aufs"].map((name) => `snapshotter.v1.${name}`),
  ];
  const server = async (file: string, without: readonly string[], more: string): Promise<ServerCommand> => {
    const config = join(dir, "config", file);
    await writeStable(
      config,
      `version = 2
root = ${JSON.stringify(containerdRoot)}
state = "/run/containerd"
disabled_plugins = ${JSON.stringify(without.map((name) => `io.containerd.${name}`))}
[grpc]
  address = ${JSON.stringify(containerdSocket(dir))}
${more}`,
    );
    return { name: "containerd", program: programPath("containerd"), args: ["--config", config] };
  };
  return {
    containerd: await server("containerd.toml", unused, pods),
    podlessContainerd: await server("containerd-podless.toml", [...unused, "grpc.v1.cri"], ""),
  };
}

/** One bridge for all pods; who may talk to whom is kube-router's work. */
async function writeNetwork(dir: string): Promise<string> {
  const folder = join(dir, "config/cni");
  const bridge = {
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    hairpinMode: true,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: addresses.podCidr }]],
      routes: [{ dst: "0.0.0.0/0" }],
      dataDir: join(dir, "cni"),
    },
  };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  await writeStable(
    join(folder, "10-gradients.conflist"),
    JSON.stringify({ cniVersion: "0.4.0", name: "gradients", plugins: [bridge, portmap] }),
  );
  return folder;
}

async function kubelet(dir: string, files: ControlPlaneFiles): Promise<ServerCommand> {
  const serving = await files.authority.serverFiles("kubelet", `system:node:${nodeName}`, [addresses.node]);
  const resolvConf = join(dir, "config/resolv.conf");
  await writeStable(resolvConf, "");
  const config = await writeConfig(dir, "kubelet", {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: addresses.node,
    port: ports.kubelet,
    authentication: { webhook: { enabled: true }, x509: { clientCAFile: files.authority.certFile } },
    authorization: { mode: "Webhook" },
    tlsCertFile: serving.certFile,
    tlsPrivateKeyFile: serving.keyFile,
    containerRuntimeEndpoint: `unix://${containerdSocket(dir)}`,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${cgroupName}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [addresses.dns],
    clusterDomain: "cluster.local",
    resolvConf,
    podLogsDir: join(dir, "pod-logs"),
    volumePluginDir: join(dir, "volume-plugins"),
    // The disk is the developer's own: only a nearly full one counts, and no image is thrown away.
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
    nodeStatusUpdateFrequency: "5s",
    podPidsLimit: 1024,
    // How full volumes are: every minute by default, and so long may one be too full.
    volumeStatsAggPeriod: "10s",
  });
  return {
    name: "kubelet",
    program: binaryPath("kubelet"),
    args: [
      `--config=${config}`,
      `--kubeconfig=${await files.kubeconfigFor(`system:node:${nodeName}`, ["system:nodes"])}`,
      `--root-dir=${join(dir, "kubelet")}`,
      `--cert-dir=${join(dir, "kubelet/pki")}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${addresses.node}`,
    ],
  };
}

async function kubeProxy(dir: string, files: ControlPlaneFiles): Promise<ServerCommand> {
  const config = await writeConfig(dir, "kube-proxy", {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clusterCIDR: addresses.podCidr,
    hostnameOverride: nodeName,
    healthzBindAddress: `${addresses.node}:${ports.kubeProxyHealth}`,
    clientConnection: { kubeconfig: await files.kubeconfigFor("system:kube-proxy") },
    // Limits of the whole machine: left as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    nftables: { minSyncPeriod: "100ms" },
  });
  return { name: "kube-proxy", program: binaryPath("kube-proxy"), args: [`--config=${config}`] };
}

/** Turns NetworkPolicies into firewall rules. */
async function kubeRouter(files: ControlPlaneFiles): Promise<ServerCommand> {
  return {
    name: "kube-router",
    program: binaryPath("kube-router"),
    args: [
      `--kubeconfig=${await files.kubeconfigFor("system:kube-router")}`,
      `--hostname-override=${nodeName}`,
      `--service-cluster-ip-range=${addresses.serviceCidr}`,
      `--health-port=${ports.kubeRouterHealth}`,
    ],
  };
}

async function writeConfig(dir: string, name: BinaryName, content: object): Promise<string> {
  const file = join(dir, "config", `${name}.yaml`);
  return writeStable(file, stringify(content));
}
