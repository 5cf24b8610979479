import { buildBinaries } from "../binaries/build.ts";
import { down } from "../cluster/cluster.ts";
import { clusterProblem, neededBinaries } from "../cluster/needs.ts";
import { installPackages } from "../node/packages.ts";

/** Before the suite: all that takes minutes, once. After it the machine is as it was, unless `KUBECONFIG` says that somebody goes on with the cluster. */
export default async function prepare(): Promise<(() => Promise<void>) | undefined> {
  const problem = clusterProblem("node");
  if (problem !== undefined) {
    process.stderr.write(`The suite is skipped. ${problem}\n`);
    return undefined;
  }
  await installPackages();
  await buildBinaries([...neededBinaries("node"), ...neededBinaries("simulated")]);
  return process.env["KUBECONFIG"] === undefined ? down : undefined;
}
