// Makes Jobs by our client or by the stock one. Run by creates.ts as a process of its own.
import { jobs } from "@gradients/kube";
import { BatchV1Api, KubeConfig, type V1Job } from "@kubernetes/client-node";
import { secondsOfCpu, serve } from "../child.ts";
import { clientFor, inParallel } from "./plane.ts";
import { manifestOf, podSpec } from "./trainers.ts";

const [kubeconfig = "", namespace = ""] = process.argv.slice(2);
const ours = clientFor(kubeconfig, namespace);
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

serve({
  create: async (client: keyof typeof creators, prefix: string, count: number, width: number) => {
    const cpuBefore = await secondsOfCpu();
    const startedAt = performance.now();
    const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    await inParallel(names, creators[client], width);
    const seconds = (performance.now() - startedAt) / 1000;
    return { seconds, cpuSeconds: (await secondsOfCpu()) - cpuBefore };
  },
});
