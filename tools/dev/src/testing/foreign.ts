import { outcomeOf } from "@gradients/cluster";
import { kubectl } from "@gradients/cluster/testing";
import type { ForeignCluster } from "@gradients/cluster/testing/foreign-cluster";
import { SetupProblem } from "../../../setup/problem.mjs";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";

/** Refuses a cluster in which the product, or anything else by its names, is there: what a suite makes it removes by name. */
export async function demandEmpty(): Promise<void> {
  const there = await kubectl(
    "get",
    "namespace",
    SERVICES_NAMESPACE,
    TRAINERS_NAMESPACE,
    "--ignore-not-found",
    "--output=name",
  );
  if (there.trim() !== "")
    throw new SetupProblem(
      `The cluster that KUBECONFIG names has ${there.trim().replace("\n", " and ")} already.`,
    );
}

export async function loadInto({ load }: ForeignCluster, archives: readonly string[]): Promise<void> {
  for (const archive of archives) {
    const { code, errors } = await outcomeOf(["sh", "-c", `${load} "$1"`, "load", archive]);
    if (code !== 0) throw new SetupProblem(`${load} ${archive} ended with ${code}: ${errors.trim()}`);
  }
}
