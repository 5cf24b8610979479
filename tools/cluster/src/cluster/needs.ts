import { goProblem, isBuilt } from "../binaries/build.ts";
import type { BinaryName } from "../binaries/catalogue.ts";
import { isolationProblem } from "../node/isolation.ts";
import type { Profile } from "./profile.ts";

const controlPlaneBinaries = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
] as const satisfies readonly BinaryName[];

const profileBinaries: Readonly<Record<Profile, readonly BinaryName[]>> = {
  node: [...controlPlaneBinaries, "kubectl", "kubelet", "kube-proxy", "kube-router", "coredns", "pause"],
  simulated: [...controlPlaneBinaries, "kubectl", "kwok"],
};

export const neededBinaries = (profile: Profile) => profileBinaries[profile];

/** What this machine lacks for that cluster, as one sentence with the way out; nothing when it can run. */
export function clusterProblem(profile: Profile): string | undefined {
  const problem = machineProblem(profile);
  if (problem === undefined) return undefined;
  return `${problem}. Another cluster does as well: make one with kind, or take any that you may use, and set KUBECONFIG to its file.`;
}

function machineProblem(profile: Profile): string | undefined {
  if (process.platform !== "linux") return `The test cluster runs on Linux and this is ${process.platform}`;
  if (profile === "node" && process.getuid?.() !== 0)
    return "A node needs root, for namespaces, mounts and a network of its own (`--simulated` does without)";
  const refusal = profile === "node" ? isolationProblem() : undefined;
  if (refusal !== undefined)
    return `A node needs namespaces, mounts and cgroups of its own, and they are refused here (${refusal})`;
  return neededBinaries(profile).every(isBuilt) ? undefined : goProblem();
}
