import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hashOf } from "../../../setup/files.mjs";
import { binFolder, modulesFolder } from "../layout.ts";

export interface Binary {
  /** Folder below modules/: its go.mod pins the version, its go.sum the content. */
  readonly module: string;
  /** Package path of the program as seen from that module. */
  readonly source: string;
  /** Measured on two cores in the order of this table: later programs find the packages of the earlier ones built. */
  readonly seconds: number;
  readonly bytes: number;
}

const megabyte = 1e6;
const kubernetes = (name: string, seconds: number, size: number): Binary => ({
  module: "kubernetes",
  source: `k8s.io/kubernetes/cmd/${name}`,
  seconds,
  bytes: size * megabyte,
});

/** The whole of it, its scheduler without the rest, and the program that loads and judges it: Kueue's own benchmark. */
const kueue = (program: string, seconds: number, size: number): Binary => ({
  module: "kueue",
  source: `sigs.k8s.io/kueue/${program}`,
  seconds,
  bytes: size * megabyte,
});

/** In build order: what most tests need comes first. */
export const binaries = {
  etcd: { module: "etcd", source: ".", seconds: 180, bytes: 26 * megabyte },
  "kube-apiserver": kubernetes("kube-apiserver", 420, 84),
  "kube-controller-manager": kubernetes("kube-controller-manager", 135, 70),
  kubectl: kubernetes("kubectl", 60, 55),
  kubeconform: {
    module: "kubeconform",
    source: "github.com/yannh/kubeconform/cmd/kubeconform",
    seconds: 10,
    bytes: 9 * megabyte,
  },
  helm: { module: "helm", source: "helm.sh/helm/v3/cmd/helm", seconds: 140, bytes: 60 * megabyte },
  "kube-scheduler": kubernetes("kube-scheduler", 15, 75),
  kubelet: kubernetes("kubelet", 45, 105),
  "kube-proxy": kubernetes("kube-proxy", 25, 70),
  pause: { module: "pause", source: ".", seconds: 3, bytes: 2 * megabyte },
  kwok: { module: "kwok", source: "sigs.k8s.io/kwok/cmd/kwok", seconds: 90, bytes: 60 * megabyte },
  "kube-router": {
    module: "kube-router",
    source: ".",
    seconds: 210,
    bytes: 75 * megabyte,
  },
  coredns: { module: "coredns", source: ".", seconds: 90, bytes: 45 * megabyte },
  minimalkueue: kueue("test/performance/scheduler/minimalkueue", 340, 70),
  "kueue-runner": kueue("test/performance/scheduler/runner", 40, 70),
  kueue: kueue("cmd/kueue", 150, 110),
} as const satisfies Record<string, Binary>;

export type BinaryName = keyof typeof binaries;

export const binaryNames = Object.keys(binaries) as readonly BinaryName[];
export const isBinaryName = (name: string): name is BinaryName => Object.hasOwn(binaries, name);
export const binaryPath = (name: BinaryName) => join(binFolder, name);

/** Only Kubernetes asks to be told its version: without it `/version` says v0.0.0-master and Helm refuses to talk to it. */
export function linkerFlags({ module }: Binary): string {
  if (module !== "kubernetes") return "-s -w";
  const [major, minor] = kubernetesVersion.split(".");
  const set = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  return `-s -w ${set("gitVersion", `v${kubernetesVersion}`)} ${set("gitMajor", major ?? "")} ${set("gitMinor", minor ?? "")}`;
}

/** Changes with the pinned versions and with how the program is built. */
export function madeFrom(binary: Binary): string {
  return hashOf({
    files: [join(modulesFolder, binary.module)],
    values: [binary.source, linkerFlags(binary)],
  });
}

export const kubernetesVersion = readKubernetesVersion();

function readKubernetesVersion(): string {
  const manifest = readFileSync(join(modulesFolder, "kubernetes/go.mod"), "utf8");
  const version = /^\s*(?:require )?k8s\.io\/kubernetes v(\S+)/m.exec(manifest)?.[1];
  if (version === undefined)
    throw new Error("modules/kubernetes/go.mod names no version of k8s.io/kubernetes");
  return version;
}
