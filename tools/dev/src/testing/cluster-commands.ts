import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { binaryPath, clusterKubeconfig } from "@gradients/cluster";

/** The cluster's admin. A refusal rejects with the server's sentence. */
export const kubectl = (...args: readonly string[]) => run("kubectl", args);

export const applyObjects = (...objects: readonly object[]) =>
  run("kubectl", ["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));

/** `input` is what the command reads from its standard input. */
export const helm = (args: readonly string[], input = "") => run("helm", args, input);

async function run(program: "kubectl" | "helm", args: readonly string[], input = ""): Promise<string> {
  const child = spawn(binaryPath(program), ["--kubeconfig", clusterKubeconfig, ...args]);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  child.stdin.on("error", () => {}); // it ended before it had read all
  child.stdin.end(input);
  const [output, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${complaint.trim()}`);
  return output;
}
