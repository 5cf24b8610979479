import { EventEmitter } from "node:events";
import { type Clock, failpoint } from "@gradients/kernel";
import { type Job, jobs, type KubeClient, pods } from "@gradients/kube";
import type { Logger } from "@gradients/runtime";
import type { GpuFleet, HardwareClass, PodPhase, PodSpec, PodStatus } from "../gpu-fleet.ts";
import { placementOf } from "../pod-name.ts";
import { ClusterView, type ClusterViewOptions } from "./cluster-view.ts";
import { jobManifest, type ManifestSettings, settingsHash } from "./job-manifest.ts";
import { isIncomplete, JobWriter } from "./job-writer.ts";
import { LastWords } from "./last-words.ts";
import { phaseOf } from "./pod-phase.ts";
import type { SlimJob, SlimPod } from "./slim-objects.ts";

export interface KubernetesFleetDeps {
  readonly client: KubeClient;
  readonly view: Omit<ClusterViewOptions, "onChange" | "namespace" | "transport">;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How long a call of ours may take to show in a watch. */
const ECHO_MS = 30_000;
/** After the grace, for a kubelet that is alive to kill and to say so. */
const KILL_MARGIN_MS = 15_000;
const CLOSE_POLL_MS = 200;

/**
 * Each pod is a Job of one pod that is never tried again. It is made suspended, gets its token as a Secret of its own, and then begins, at once or when
 * Kueue lets it. A finalizer keeps it until `remove`.
 */
export class KubernetesFleet implements GpuFleet {
  readonly classes: readonly HardwareClass[];
  readonly #settings: ManifestSettings;
  /** By hardware class. */
  readonly #settingsHashes: ReadonlyMap<string, string>;
  readonly #deps: KubernetesFleetDeps;
  readonly #view: ClusterView;
  readonly #changes = new EventEmitter();
  readonly #stopping = new AbortController();
  readonly #starting = new Set<string>();
  /** Started by us and not yet told by the watch. */
  readonly #begun = new Map<string, { readonly pod: PodStatus; readonly until: number }>();
  /** Uids of what was removed and is still told. */
  readonly #removed = new Set<string>();
  readonly #stops = new Map<string, Stop>();
  readonly #lastWords: LastWords;
  readonly #writer: JobWriter;
  #watching: Promise<void> = Promise.resolve();

  constructor(settings: ManifestSettings, deps: KubernetesFleetDeps) {
    this.classes = settings.kubernetes.classes;
    this.#settings = settings;
    this.#settingsHashes = new Map(
      settings.kubernetes.classes.map((hardware) => [hardware.name, settingsHash(hardware, settings)]),
    );
    this.#deps = deps;
    this.#lastWords = new LastWords(deps.client);
    this.#writer = new JobWriter(deps.client, settings.kubernetes.queue);
    this.#view = new ClusterView({
      ...deps.view,
      transport: deps.client.transport,
      namespace: deps.client.namespace,
      onChange: (jobName) => this.#onChange(jobName),
    });
  }

  async open(): Promise<void> {
    this.#watching = this.#view.run(this.#stopping.signal);
  }

  /** Waits only for the first full list. */
  async list(signal: AbortSignal): Promise<readonly PodStatus[]> {
    await untilAborted(this.#view.synced(), signal);
    const found = this.#view.jobs();
    this.#forgetGone(found);
    const known = found
      .filter(({ uid, isOpen }) => isOpen && !this.#removed.has(uid))
      .map((job) => this.#status(job));
    const names = new Set(found.map(({ name }) => name));
    const begun = [...this.#begun.values()].flatMap(({ pod }) => (names.has(pod.name) ? [] : [pod]));
    return [...(await this.#withLastWords(known)), ...begun];
  }

  async #withLastWords(known: readonly PodStatus[]): Promise<readonly PodStatus[]> {
    const isOver = ({ phase }: PodStatus) => phase.kind === "ended";
    const over = known
      .filter(isOver)
      .map((status) => this.#lastWords.of(status, this.#view.podOf(status.name).pod));
    return [...known.filter((status) => !isOver(status)), ...(await Promise.all(over))];
  }

  async start(pod: PodSpec, signal: AbortSignal): Promise<"started" | "exists"> {
    const hardware = this.#settings.kubernetes.classes.find(({ name }) => name === pod.hardwareClass);
    if (!hardware) throw new Error(`There is no hardware class "${pod.hardwareClass}"`);
    this.#starting.add(pod.name);
    try {
      return await this.#make(pod, jobManifest(pod, hardware, this.#settings), signal);
    } finally {
      this.#starting.delete(pod.name);
    }
  }

  async #make(pod: PodSpec, manifest: Job, signal: AbortSignal): Promise<"started" | "exists"> {
    failpoint("scheduler.before-job");
    const job = await this.#writer.createJob(manifest, signal);
    failpoint("scheduler.job-created");
    const uid = job.metadata?.uid ?? "";
    if (job.metadata?.deletionTimestamp || !isIncomplete(job)) return "exists";
    const hasOurToken = await this.#writer.createToken(pod, uid, signal);
    failpoint("scheduler.job-secret-created");
    await this.#writer.begin(pod.name, uid, signal);
    failpoint("scheduler.job-begun");
    this.#noteBegun(pod);
    return hasOurToken ? "started" : "exists";
  }

  async stop(name: string, graceSeconds: number): Promise<void> {
    const job = this.#view.job(name);
    if (!job) return;
    const stop = this.#stops.get(job.uid) ?? newStop();
    this.#stops.set(job.uid, stop);
    const { pod, isThere } = this.#view.podOf(name);
    if (!pod || !isThere || (!pod.hasMachine && !stop.isJobDeleted)) return this.#deleteJob(job, stop);
    const now = this.#now();
    if (stop.killAt === undefined) {
      await this.#deletePod(pod, Math.ceil(graceSeconds)); // also one that its Job's deletion had missed
      stop.killAt = now + graceSeconds * 1000;
    } else if (now >= stop.killAt + KILL_MARGIN_MS && !stop.isKilled) {
      stop.isGivenUp = true; // before anybody can see it gone
      await this.#deletePod(pod, 0);
      await this.#deleteJob(job, stop); // else the Job would keep the pod until its machine says how it ended
      stop.isKilled = true;
    }
  }

  async #deletePod({ name, uid }: SlimPod, graceSeconds: number): Promise<void> {
    await this.#deps.client.delete(pods, name, { uid, graceSeconds });
  }

  /** With its pod, which has the grace of its manifest if a machine took it meanwhile. */
  async #deleteJob({ name, uid }: SlimJob, stop: Stop): Promise<void> {
    if (stop.isJobDeleted) return;
    await this.#deps.client.delete(jobs, name, { uid, propagation: "Foreground" });
    stop.isJobDeleted = true;
  }

  async remove(name: string): Promise<void> {
    const job = this.#view.job(name) ?? (await this.#writer.find(name));
    if (!job) return;
    const { client } = this.#deps;
    await client.delete(jobs, name, { uid: job.uid, propagation: "Background" });
    failpoint("scheduler.job-deleted");
    await this.#writer.dropFinalizer(job);
    this.#removed.add(job.uid);
    this.#lastWords.forget(this.#view.podOf(name).pod?.uid ?? "");
    this.#begun.delete(name);
    this.#stops.delete(job.uid);
  }

  watch(onChange: () => void, signal: AbortSignal): void {
    this.#changes.on("change", onChange);
    signal.addEventListener("abort", () => this.#changes.off("change", onChange), { once: true });
  }

  async close({ stopPods }: { readonly stopPods: boolean }): Promise<void> {
    try {
      if (stopPods) await this.#stopAll();
    } finally {
      this.#stopping.abort();
      await this.#watching;
      await this.#deps.client.transport.close();
    }
  }

  async #stopAll(): Promise<void> {
    const { signal } = this.#stopping;
    for (let left = await this.list(signal); left.length > 0; left = await this.list(signal)) {
      for (const { name, phase } of left) {
        if (phase.kind === "ended") await this.remove(name);
        else await this.stop(name, this.#settings.stopGraceSeconds);
      }
      await this.#deps.clock.sleep(CLOSE_POLL_MS);
    }
  }

  #status(job: SlimJob): PodStatus {
    const { pod, isThere } = this.#view.podOf(job.name);
    const begun = this.#begun.get(job.name)?.pod.phase;
    const phase: PodPhase = phaseOf({
      job,
      pod,
      isPodThere: isThere,
      complaint: this.#view.complaintAbout(job.uid),
      isOutdated: job.settingsHash !== this.#settingsHashes.get(job.hardwareClass),
      isStopped: this.#stops.has(job.uid),
      isGivenUp: this.#stops.get(job.uid)?.isGivenUp === true,
      now: this.#deps.clock.now(),
    });
    const isEcho = phase.kind === "pending" && phase.reason === "incomplete" && begun !== undefined;
    const { name, hardwareClass } = job;
    return { name, ...placementOf(name), hardwareClass, phase: isEcho ? begun : phase };
  }

  #noteBegun({ name, attemptId, epoch, hardwareClass }: PodSpec): void {
    const told = this.#view.job(name);
    if (told && !told.isSuspended) return;
    const phase = { kind: "pending", reason: "starting", message: "the cluster makes the pod" } as const;
    this.#begun.set(name, {
      pod: { name, attemptId, epoch, hardwareClass, phase },
      until: this.#now() + ECHO_MS,
    });
  }

  #onChange(jobName: string | undefined): void {
    const isOwnStep = jobName !== undefined && this.#isOwnStep(jobName);
    const job = this.#view.job(jobName ?? "");
    if (job && !(job.isSuspended && !job.isQueued)) this.#begun.delete(job.name);
    if (!isOwnStep) this.#changes.emit("change");
  }

  /** The echo of a start, which nobody has to look at: three calls a pod would else be as many passes of the control loop. */
  #isOwnStep(jobName: string): boolean {
    const job = this.#view.job(jobName);
    if (!job || job.isDeleting || job.end) return false;
    return (this.#starting.has(jobName) || this.#begun.has(jobName)) && !this.#view.podOf(jobName).pod;
  }

  #forgetGone(found: readonly SlimJob[]): void {
    for (const [name, { until }] of this.#begun) if (this.#now() > until) this.#begun.delete(name);
    const uids = new Set(found.map(({ uid }) => uid));
    for (const uid of this.#removed) if (!uids.has(uid)) this.#removed.delete(uid);
    for (const uid of this.#stops.keys()) if (!uids.has(uid)) this.#stops.delete(uid);
  }

  #now(): number {
    return this.#deps.clock.elapsedMs();
  }
}

interface Stop {
  isJobDeleted: boolean;
  /** Of the pod, once it was asked. */
  killAt: number | undefined;
  isGivenUp: boolean;
  isKilled: boolean;
}

function newStop(): Stop {
  return { isJobDeleted: false, killAt: undefined, isGivenUp: false, isKilled: false };
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
