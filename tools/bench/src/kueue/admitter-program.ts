// Lets suspended Jobs begin as the scheduler would. Run by ours.ts as a process of its own, which is what is measured.
import { readFile } from "node:fs/promises";
import {
  connectionFrom,
  type Job,
  jobs,
  KubeClient,
  KubeTransport,
  pathOf,
  RateLimiter,
  Reflector,
} from "@gradients/kube";
import { createLogger, createWake, WorkQueue } from "@gradients/runtime";
import type { AdmissionRules } from "@gradients/scheduler/domain/admission-rules";
import { JobWriter } from "@gradients/scheduler/fleet/kubernetes/job-writer";
import { selector } from "@gradients/scheduler/fleet/kubernetes/names";
import { type SlimJob, slimJob } from "@gradients/scheduler/fleet/kubernetes/slim-objects";
import { podName } from "@gradients/scheduler/fleet/pod-name";
import { secondsOfCpu, serve } from "../child.ts";
import { peakRssBytes } from "../processes.ts";
import { Admission } from "./admission.ts";
import type { CallLimits } from "./limits.ts";

/** What comes meanwhile is planned together. */
const PASS_MS = 10;
const WORKERS = 16;

const [kubeconfig = "", namespace = "", rulesFile = "", limits = ""] = process.argv.slice(2);
const logger = createLogger({ service: "admitter", level: "warn" });
const limiter = new RateLimiter(JSON.parse(limits) as CallLimits);
const connection = { ...connectionFrom(kubeconfig), namespace };
const transport = new KubeTransport(connection, { userAgent: "gradients-scheduler" });
const writer = new JobWriter(new KubeClient(transport, namespace, limiter), undefined);
const admission = new Admission(JSON.parse(await readFile(rulesFile, "utf8")) as AdmissionRules);
const bell = createWake();
const stopping = new AbortController();

const reflector = new Reflector<Job, SlimJob>({
  name: "jobs",
  path: pathOf(jobs, namespace),
  labelSelector: selector,
  slim: slimJob,
  onChange: ({ object }) => {
    admission.note(object);
    bell.ring();
  },
  transport,
  limiter,
  logger,
});
const calls = new WorkQueue({
  workers: WORKERS,
  handle: (name, signal) => writer.begin(name, reflector.get(name)?.uid ?? "", signal),
  onError: (name, error) => logger.warn({ name, err: error }, "a Job could not begin"),
});

async function admit(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const attemptId of admission.pass()) calls.add(podName(attemptId, 1));
    await new Promise((resolve) => setTimeout(resolve, PASS_MS));
    await bell.wait(60_000, signal);
  }
}

void reflector.run(stopping.signal);
void calls.run(stopping.signal);
await reflector.synced;
void admit(stopping.signal);
serve({
  usage: async () => ({ cpuSeconds: await secondsOfCpu(), peakRssBytes: peakRssBytes(process.pid) }),
});
