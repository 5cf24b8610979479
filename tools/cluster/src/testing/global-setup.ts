import { buildBinaries } from "../binaries/build.ts";
import { down } from "../cluster/cluster.ts";
import { clusterProblem, neededBinaries } from "../cluster/needs.ts";
import type { Profile } from "../cluster/profile.ts";
import { installPackages } from "../node/packages.ts";
import { foreignCluster } from "./foreign-cluster.ts";
import { suiteProblem } from "./suite-problem.ts";

/** Before the suite: all that takes minutes, once. After it the machine is as it was, unless `KUBECONFIG` says that somebody goes on with the cluster. */
export default async function prepare(): Promise<(() => Promise<void>) | undefined> {
  if (foreignCluster()) {
    await buildBinaries(["kubectl", "helm"]);
    return undefined;
  }
  // More is tried once the tools are there.
  if (clusterProblem("node") === undefined)
    await installPackages().catch((error: unknown) => void process.stderr.write(`${String(error)}\n`));
  const profiles = (["node", "simulated"] as const).filter(canRun);
  if (profiles.length === 0) return undefined;
  await buildBinaries([...profiles.flatMap((profile) => neededBinaries(profile)), "helm"]);
  return process.env["KUBECONFIG"] === undefined ? down : undefined;
}

const tests = { node: "Tests on a node", simulated: "Tests on simulated nodes" } as const;

function canRun(profile: Profile): boolean {
  const problem = suiteProblem(profile);
  if (problem !== undefined) process.stderr.write(`${tests[profile]} are skipped. ${problem}\n`);
  return problem === undefined;
}
