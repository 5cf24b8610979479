import { kubectlLines } from "@gradients/cluster/testing";
import { TRAINERS_NAMESPACE } from "./namespaces.ts";

/** Of trainers, as kubectl names them. */
export function runningPods(): Promise<readonly string[]> {
  const running = ["--field-selector", "status.phase=Running"];
  return kubectlLines("get", "pods", "--namespace", TRAINERS_NAMESPACE, ...running, "--output", "name");
}
