import { readdir, readFile } from "node:fs/promises";
import { kubectl } from "@gradients/cluster/testing";
import { SERVICES_NAMESPACE } from "./namespaces.ts";

/** The service's own process in its pod, as this machine sees it: the node is a part of this machine. */
export async function processOf(pod: string, service: string): Promise<number> {
  const uid = await kubectl(
    "get",
    "pod",
    pod,
    "--namespace",
    SERVICES_NAMESPACE,
    "--output",
    "jsonpath={.metadata.uid}",
  );
  const program = `services/${service}/src/main.ts`;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [groups, command] = await Promise.all(
      ["cgroup", "cmdline"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
    );
    if (groups?.includes(uid) && command?.split("\0").includes(program)) return Number(pid);
  }
  throw new Error(`${pod} has no process of ${service}`);
}
