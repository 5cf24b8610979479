import { kubernetesVersion } from "@gradients/cluster";
import { type Benchmark, type Findings, figureTable, type RunOptions } from "../benchmark.ts";
import { measureCreates } from "./creates.ts";
import { measureMemory } from "./memory.ts";
import { measurePlacing, PACES } from "./placing.ts";
import { bareControlPlane, makeNamespace } from "./plane.ts";
import { makeLiveAttempts, makeUnwanted, measureRestart } from "./restart.ts";
import { startScheduler } from "./scheduler.ts";

export const kubernetesBenchmark: Benchmark = {
  name: "kubernetes",
  title: "Jobs and pods in Kubernetes",
  about:
    "the scheduler before an API server: event to Job, memory of 10,000 pods, restart, creates beside the stock client",
  minutes: 5,
  run,
};

async function run(options: RunOptions): Promise<Findings> {
  await using plane = await bareControlPlane();
  const creates = await measureCreates(plane, options);
  await using world = await startScheduler(plane, options.profileDir);
  const placing = await measurePlacing(plane, world, options);
  const count = options.isQuick ? 500 : Math.round(10_000 * (options.share ?? 1));
  const client = await makeNamespace(plane.kubeconfig, "live");
  await makeLiveAttempts(client, world, count, options);
  const memory = await measureMemory(plane, "live", count, options);
  await makeUnwanted(client);
  const restart = await measureRestart(plane, world, client, count, options);
  await client.transport.close();
  return {
    method: `A real etcd and kube-apiserver on the same machine and nothing else of Kubernetes: no controller makes pods and nothing trains, so that all work is the scheduler's and the API server's. The scheduler is a process of its own on PostgreSQL, NATS and S3, limited to 500 calls a second (1,000 at once). Event to Job: ${PACES.map(({ perSecond }) => perSecond).join(" and then ")} races a second of one attempt each begin by their second event (SplitCommitted); from just before it is published to the watch's word of the Kubernetes Job, and no race has two. Beside it, at the same rates and after each: Job, Secret and the patch that lets the Job begin, three calls a placement as the scheduler makes them, by a program that does nothing else; its time is from before the first call to the watch's word. Memory: a fleet follows Jobs and pods as the product makes them, all running, with Node's memory settings of the chart; heap in use after collection, above that of the same process before and of a fleet that follows an empty namespace. Restart: beside the live attempts, 20 whose Jobs are missing and 20 Jobs that no attempt wants; from the spawn until all are made and all are being deleted. Creates: the product's Job through our client and through BatchV1Api of @kubernetes/client-node, from one process in turns; medians.`,
    tables: [figureTable([...placing, ...memory, ...restart, ...creates])],
    versions: { Kubernetes: kubernetesVersion, "@kubernetes/client-node": "2.0.1" },
  };
}
