import { stopServer, up } from "@gradients/cluster";
import { kubectl } from "@gradients/cluster/testing";
import { type Installation, SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./installation.ts";

/** What befalls a race whose pods run. */
export type ClusterFault = (installation: Installation) => Promise<void>;

export const clusterFaults: Readonly<Record<string, ClusterFault>> = {
  "a pod is deleted by hand": async () => {
    const [pod = ""] = await runningPods();
    await kubectl("delete", pod, "--namespace", TRAINERS_NAMESPACE, "--wait=false");
  },
  "a Job is deleted by hand": async () => {
    const jobs = await kubectl("get", "jobs", "--namespace", TRAINERS_NAMESPACE, "--output", "name");
    const [job = ""] = jobs.trim().split("\n");
    await kubectl("delete", job, "--namespace", TRAINERS_NAMESPACE, "--wait=false");
  },
  "the leading scheduler is killed": async () => {
    const path = "jsonpath={.spec.holderIdentity}";
    const lease = ["lease", "gradients-scheduler", "--namespace", TRAINERS_NAMESPACE, "--output", path];
    const holder = (await kubectl("get", ...lease)).replace(/-[^-]+$/, "");
    await kubectl("delete", "pod", holder, "--namespace", SERVICES_NAMESPACE, "--force", "--grace-period=0");
  },
  "the API server is killed and comes back": () => restart("kube-apiserver"),
  "the kubelet is killed and comes back": () => restart("kubelet"),
  "connections to NATS, Postgres and S3 are cut": async ({ forwards: { nats, postgres, s3 } }) => {
    for (const server of [nats, postgres, s3]) server.cut();
  },
};

/** Of trainers, as kubectl names them. */
export async function runningPods(): Promise<readonly string[]> {
  const running = ["--field-selector", "status.phase=Running"];
  const pods = ["get", "pods", "--namespace", TRAINERS_NAMESPACE, ...running, "--output", "name"];
  return (await kubectl(...pods)).split("\n").filter((name) => name !== "");
}

async function restart(server: string): Promise<void> {
  await stopServer(server);
  await up({ profile: "node" });
}
