import { readdir, readFile } from "node:fs/promises";
import { kubectl } from "@gradients/cluster/testing";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";

/** The service's own process in its pod, as this machine sees it: the node is a part of this machine. */
export function processOf(pod: string, service: string): Promise<number> {
  return findProcess(SERVICES_NAMESPACE, `pod/${pod}`, `services/${service}/src/main.ts`);
}

/** The platform's own engine in the pod of an attempt, which is named as kubectl names it. */
export function engineOf(pod: string): Promise<number> {
  return findProcess(TRAINERS_NAMESPACE, pod, "gradients_engine");
}

async function findProcess(namespace: string, pod: string, argument: string): Promise<number> {
  const find = ["get", pod, "--namespace", namespace, "--output", "jsonpath={.metadata.uid}"];
  const uid = await kubectl(...find);
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const [groups, command] = await Promise.all(
      ["cgroup", "cmdline"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
    );
    if (groups?.includes(uid) && command?.split("\0").includes(argument)) return Number(pid);
  }
  throw new Error(`${pod} has no process of ${argument}`);
}
