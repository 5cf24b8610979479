import { kubectl, kubectlLines } from "@gradients/cluster/testing";
import { TRAINERS_NAMESPACE } from "./namespaces.ts";

/** Of trainers, as kubectl names them. */
export function runningPods(): Promise<readonly string[]> {
  const running = ["--field-selector", "status.phase=Running"];
  return kubectlLines("get", "pods", "--namespace", TRAINERS_NAMESPACE, ...running, "--output", "name");
}

/** Whose pod it is. */
export function attemptIn(pod: string): Promise<string> {
  const path = "jsonpath={.metadata.labels.gradients\\.io/attempt}";
  return kubectl("get", pod, "--namespace", TRAINERS_NAMESPACE, "--output", path);
}
