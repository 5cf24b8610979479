import { clusterProblem } from "../cluster/needs.ts";
import type { Profile } from "../cluster/profile.ts";
import { missingPackages } from "../node/packages.ts";
import { foreignCluster } from "./foreign-cluster.ts";

/** Why tests on a cluster are skipped, once the suite's global set-up has installed what it can; undefined if they run. */
export function suiteProblem(profile: Profile): string | undefined {
  if (foreignCluster()) return "KUBECONFIG names a cluster that is not this machine's";
  const problem = clusterProblem(profile);
  if (problem !== undefined || profile === "simulated") return problem;
  const missing = missingPackages();
  return missing.length === 0
    ? undefined
    : `A node needs Debian's ${missing.join(", ")}, which could not be installed`;
}
