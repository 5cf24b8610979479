import { binaryPath } from "../binaries/catalogue.ts";
import { run } from "../run.ts";
import { suiteKubeconfig } from "./foreign-cluster.ts";

/** The real kubectl as the cluster's admin. A refusal rejects with the server's sentence. */
export const kubectl = (...args: readonly string[]) => asAdmin("kubectl", args);

/** What it prints, line by line. */
export const kubectlLines = async (...args: readonly string[]): Promise<readonly string[]> =>
  (await kubectl(...args)).split("\n").filter((line) => line !== "");

export const applyObjects = (...objects: readonly object[]) =>
  asAdmin(
    "kubectl",
    ["apply", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
  );

/** The real Helm; `input` is what it reads from its standard input. */
export const helm = (args: readonly string[], input?: string) => asAdmin("helm", args, input);

function asAdmin(program: "kubectl" | "helm", args: readonly string[], input?: string): Promise<string> {
  return run([binaryPath(program), "--kubeconfig", suiteKubeconfig(), ...args], input);
}
