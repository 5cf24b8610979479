import { buildBinaries } from "../binaries/build.ts";
import { down } from "../cluster/cluster.ts";
import { clusterProblem, neededBinaries } from "../cluster/needs.ts";
import { installPackages } from "../node/packages.ts";
import { foreignCluster } from "./foreign-cluster.ts";
import { suiteProblem } from "./suite-problem.ts";

/** Before the suite: all that takes minutes, once. After it the machine is as it was, unless `KUBECONFIG` says that somebody goes on with the cluster. */
export default async function prepare(): Promise<(() => Promise<void>) | undefined> {
  if (foreignCluster()) {
    await buildBinaries(["kubectl", "helm"]);
    return undefined;
  }
  if (isSkipped(clusterProblem("node"))) return undefined;
  await installPackages().catch((error: unknown) => void process.stderr.write(`${String(error)}\n`));
  // More is tried once the tools are there.
  if (isSkipped(suiteProblem("node"))) return undefined;
  await buildBinaries([...neededBinaries("node"), ...neededBinaries("simulated"), "helm"]);
  return process.env["KUBECONFIG"] === undefined ? down : undefined;
}

function isSkipped(problem: string | undefined): boolean {
  if (problem !== undefined) process.stderr.write(`The suite is skipped. ${problem}\n`);
  return problem !== undefined;
}
