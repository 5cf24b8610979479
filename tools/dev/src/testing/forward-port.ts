import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { binaryPath } from "@gradients/cluster";
import { suiteKubeconfig } from "@gradients/cluster/testing/foreign-cluster";
import { SERVICES_NAMESPACE } from "./namespaces.ts";

export interface ForwardedPort extends Disposable {
  /** host:port on this machine. */
  readonly address: string;
}

/** A port of this machine, a free one unless it is named, that leads to a pod: where its own address leads nowhere, or policies let nobody in. */
export async function forwardPort(target: string, port: number, local?: number): Promise<ForwardedPort> {
  const where = ["--kubeconfig", suiteKubeconfig(), "--namespace", SERVICES_NAMESPACE];
  const child = spawn(binaryPath("kubectl"), [...where, "port-forward", target, `${local ?? ""}:${port}`], {
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
