import { resolve } from "node:path";
import { SetupProblem } from "../../../setup/problem.mjs";
import { clusterKubeconfig } from "../cluster/cluster.ts";

/** A cluster that `up` has not made and the suite is told to use. */
export interface ForeignCluster {
  readonly kubeconfig: string;
  /** Address of this machine as the cluster's pods reach it. */
  readonly host: string;
  /** Command that brings an image into its nodes; the archive's path follows it. */
  readonly load: string;
}

/** As the environment says; undefined without KUBECONFIG, and where it names the cluster of this machine. */
export function foreignCluster(): ForeignCluster | undefined {
  const { KUBECONFIG: named, GRADIENTS_TEST_HOST: host, GRADIENTS_TEST_LOAD: load } = process.env;
  if (!named || resolve(named) === clusterKubeconfig) return undefined;
  if (!host || !load)
    throw new SetupProblem(
      "KUBECONFIG names another cluster than this machine's: say in GRADIENTS_TEST_HOST by which address its pods reach this machine, and in GRADIENTS_TEST_LOAD the command that loads an image's archive into it, such as `kind load image-archive`.",
    );
  return { kubeconfig: resolve(named), host, load };
}

/** Of the cluster that the suite runs on. */
export const suiteKubeconfig = () => foreignCluster()?.kubeconfig ?? clusterKubeconfig;
