import { outcomeOf } from "@gradients/cluster";
import { kubectl } from "@gradients/cluster/testing";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";
import { processOf } from "./pod-processes.ts";

const deployment = "deployment/gradients-scheduler";
const inServices = ["--namespace", SERVICES_NAMESPACE];

/** Pods of the scheduler that run. */
export async function schedulerPods(): Promise<readonly string[]> {
  const selector = ["--selector", "app.kubernetes.io/component=scheduler"];
  const path = "jsonpath={.items[?(@.status.phase=='Running')].metadata.name}";
  return (await kubectl("get", "pods", ...inServices, ...selector, "--output", path))
    .split(" ")
    .filter(Boolean);
}

/** The pod that leads. */
export async function leader(): Promise<string> {
  const lease = ["lease", "gradients-scheduler", "--namespace", TRAINERS_NAMESPACE];
  const holder = await kubectl("get", ...lease, "--output", "jsonpath={.spec.holderIdentity}");
  return holder.replace(/-[^-]+$/, "");
}

/** Cuts the scheduler's connections to the API server, its watches among them. Returns how many there were. */
export async function cutFromApiServer(pod: string): Promise<number> {
  const api = await kubectl("get", "service", "kubernetes", "--output", "jsonpath={.spec.clusterIP}");
  const enter = ["nsenter", "--target", String(await processOf(pod, "scheduler")), "--net"];
  const { code, output, errors } = await outcomeOf([
    ...enter,
    "ss",
    "--no-header",
    "--kill",
    "--tcp",
    "dst",
    api,
  ]);
  if (code !== 0) throw new Error(`ss cannot end connections: ${errors}`);
  return output.split("\n").filter(Boolean).length;
}

/** Every process of the scheduler from here on dies at that point, once for each pod. */
export async function armSchedulers(failpoint: string): Promise<void> {
  const variables = [`GRADIENTS_FAILPOINT=${failpoint}`, "GRADIENTS_FAILPOINT_RECORD=/tmp/failpoints"];
  await kubectl("set", "env", deployment, ...inServices, ...variables);
  await rolledOut();
}

export async function disarmSchedulers(): Promise<void> {
  await kubectl(
    "set",
    "env",
    deployment,
    ...inServices,
    "GRADIENTS_FAILPOINT-",
    "GRADIENTS_FAILPOINT_RECORD-",
  );
  await rolledOut();
}

async function rolledOut(): Promise<void> {
  await kubectl("rollout", "status", deployment, ...inServices, "--timeout=300s");
}

/** How often a process of the scheduler has ended in the pods that there are. */
export async function schedulerDeaths(): Promise<number> {
  const selector = ["--selector", "app.kubernetes.io/component=scheduler"];
  const path = "jsonpath={.items[*].status.containerStatuses[*].restartCount}";
  const counts = await kubectl("get", "pods", ...inServices, ...selector, "--output", path);
  return counts.split(" ").reduce((sum, count) => sum + Number(count), 0);
}
