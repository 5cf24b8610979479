import { setTimeout as sleep } from "node:timers/promises";
import { compactHistory, stopServer, up } from "@gradients/cluster";
import { kubectl, kubectlLines } from "@gradients/cluster/testing";
import { expect } from "vitest";
import { sendSignal } from "../send-signal.ts";
import { type Installation } from "./installation.ts";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";
import { processOf } from "./pod-processes.ts";
import { runningPods } from "./running-pods.ts";
import { cutFromApiServer, leader, schedulerPods } from "./schedulers.ts";

/** What befalls a race whose pods run. Returns what it did, in numbers. */
export type ClusterFault = (installation: Installation) => Promise<string>;

const inTrainers = ["--namespace", TRAINERS_NAMESPACE];
/** A lease is taken over 15 s after its last renewal. */
const TAKE_OVER = { timeout: 60_000, interval: 500 };

const clusterFaults = {
  "a pod and a Job are deleted by hand": async () => {
    const [pod = ""] = await runningPods();
    await kubectl("delete", pod, ...inTrainers, "--wait=false");
    const jobs = await kubectlLines("get", "jobs", ...inTrainers, "--output", "name");
    const job = jobs.find((name) => !pod.includes(name.replace("job.batch/", "")));
    await kubectl("delete", job ?? "", ...inTrainers, "--wait=false");
    return "1 pod, 1 Job";
  },
  "the leading scheduler is killed, and NATS too": async ({ control }) => {
    const pod = await leader();
    await kubectl("delete", "pod", pod, "--namespace", SERVICES_NAMESPACE, "--force", "--grace-period=0");
    await control.killNats();
    await sleep(2_000);
    await control.startNats();
    return "1 process of each, SIGKILL";
  },
  "connections to NATS, Postgres, S3 and the API server are cut, the watches among them": async ({
    forwards: { nats, postgres, s3 },
  }) => {
    const watches = await Promise.all((await schedulerPods()).map(cutFromApiServer));
    const others = [nats, postgres, s3].map((server) => server.cut());
    const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
    expect(sum(watches)).toBeGreaterThan(0);
    return `${sum(watches)} connections to the API server, ${sum(others)} others`;
  },
  "etcd forgets its history under the watches, and again while the API server is away": async () => {
    await compactHistory();
    await stopServer("kube-apiserver");
    await compactHistory();
    await up({ profile: "node" });
    return "2 compactions, 1 restart";
  },
  "the kubelet is killed and comes back": async () => {
    await stopServer("kubelet");
    await up({ profile: "node" });
    return "1 restart";
  },
  "the leading scheduler stands still until another leads, and then goes on": async () => {
    const paused = await leader();
    const pid = await processOf(paused, "scheduler");
    sendSignal(pid, "SIGSTOP");
    try {
      await expect.poll(leader, TAKE_OVER).not.toBe(paused);
    } finally {
      sendSignal(pid, "SIGCONT");
    }
    return "1 pause, 1 take-over";
  },
} satisfies Record<string, ClusterFault>;

/** Each line befalls one race, one after the other: the second shows as well that the first has been got over. */
const shared: readonly (readonly (keyof typeof clusterFaults)[])[] = [
  [
    "connections to NATS, Postgres, S3 and the API server are cut, the watches among them",
    "a pod and a Job are deleted by hand",
  ],
  ["the leading scheduler is killed, and NATS too"],
  ["etcd forgets its history under the watches, and again while the API server is away"],
  [
    "the kubelet is killed and comes back",
    "the leading scheduler stands still until another leads, and then goes on",
  ],
];

/** By what befalls each. */
export const faultyRaces: readonly (readonly [string, ClusterFault])[] = shared.map((names) => [
  names.join("; then "),
  async (installation) => {
    const did: string[] = [];
    for (const name of names) did.push(await clusterFaults[name](installation));
    return did.join("; ");
  },
]);
