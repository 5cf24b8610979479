import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { binaryPath, outcomeOf } from "@gradients/cluster";
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

export interface ForwardedPort extends Disposable {
  /** host:port on this machine. */
  readonly address: string;
}

/** A port of this machine that leads to a service's pod, where pods' own addresses lead nowhere. */
export async function forwardPort(
  { kubeconfig }: ForeignCluster,
  target: string,
  port: number,
): Promise<ForwardedPort> {
  const where = ["--kubeconfig", kubeconfig, "--namespace", SERVICES_NAMESPACE];
  const child = spawn(binaryPath("kubectl"), [...where, "port-forward", target, `:${port}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return { address, [Symbol.dispose]: () => void child.kill() };
  }
  throw new Error(`kubectl forwards no port to ${target}`);
}
