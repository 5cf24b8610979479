// Makes Jobs by our client or by the stock one. Run by creates.ts and bare-placing.ts as a process of its own.
import { setTimeout as sleep } from "node:timers/promises";
import { jobs } from "@gradients/kube";
import { WorkQueue } from "@gradients/runtime";
import { JobWriter } from "@gradients/scheduler/fleet/kubernetes/job-writer";
import { BatchV1Api, KubeConfig, type V1Job } from "@kubernetes/client-node";
import { secondsOfCpu, serve } from "../child.ts";
import { atRate } from "./at-rate.ts";
import { clientFor, inParallel } from "./plane.ts";
import { manifestOf, podSpec } from "./trainers.ts";

const [kubeconfig = "", namespace = ""] = process.argv.slice(2);
const ours = clientFor(kubeconfig, namespace);
const writer = new JobWriter(ours, undefined);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const stock = config.makeApiClient(BatchV1Api);

const creators = {
  ours: (attemptId: string) => ours.create(jobs, manifestOf(podSpec(attemptId))),
  stock: (attemptId: string) => {
    const body = { apiVersion: "batch/v1", kind: "Job", ...manifestOf(podSpec(attemptId)) };
    return stock.createNamespacedJob({ namespace, body: body as unknown as V1Job }); // of text and numbers alone
  },
};

/** Placements at a time: as many as the scheduler makes. */
const WORKERS = 16;

/** What the scheduler asks of the API server for one placement, with nothing around it. */
async function place(attemptId: string): Promise<void> {
  const signal = new AbortController().signal;
  const spec = podSpec(attemptId);
  const job = await writer.createJob(manifestOf(spec), signal);
  const uid = job.metadata?.uid ?? "";
  await writer.createToken(spec, uid, signal);
  await writer.begin(spec.name, uid, signal);
}

const queue = new WorkQueue({
  workers: WORKERS,
  handle: place,
  onError: (id, error) => process.stderr.write(`${id}: ${String(error)}\n`),
});
void queue.run(new AbortController().signal);

serve({
  /** When each was begun, by the time of day. */
  placeAtRate: async (attemptIds: readonly string[], perSecond: number) => {
    const cpuBefore = await secondsOfCpu();
    const sentAt = await atRate(attemptIds, perSecond, async (id) => queue.add(id));
    while (queue.size > 0) await sleep(20);
    const cpuSeconds = (await secondsOfCpu()) - cpuBefore;
    return { cpuSeconds, sentAt: [...sentAt].map(([id, at]) => [id, performance.timeOrigin + at]) };
  },
  create: async (client: keyof typeof creators, prefix: string, count: number, width: number) => {
    const cpuBefore = await secondsOfCpu();
    const startedAt = performance.now();
    const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    await inParallel(names, creators[client], width);
    const seconds = (performance.now() - startedAt) / 1000;
    return { seconds, cpuSeconds: (await secondsOfCpu()) - cpuBefore };
  },
});
