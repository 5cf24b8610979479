import { isDeepStrictEqual } from "node:util";
import {
  type Change,
  events,
  type Job,
  jobs,
  type KubeEvent,
  type KubeTransport,
  type Pod,
  pathOf,
  pods,
  type RateLimiter,
  Reflector,
  type ReflectorTimes,
} from "@gradients/kube";
import type { Logger } from "@gradients/runtime";
import { selector } from "./names.ts";
import { type SlimEvent, type SlimJob, type SlimPod, slimEvent, slimJob, slimPod } from "./slim-objects.ts";

export interface ClusterViewOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  readonly limiter: RateLimiter;
  readonly logger: Logger;
  readonly times: Partial<ReflectorTimes>;
  /** The Job of that name, or its pod, is not what it was; undefined for a complaint about one. */
  readonly onChange: (jobName: string | undefined) => void;
}

/** Our Jobs with their pods and the complaints about them, as the watches tell. */
export class ClusterView {
  readonly #jobs: Reflector<Job, SlimJob>;
  readonly #pods: Reflector<Pod, SlimPod>;
  readonly #events: Reflector<KubeEvent, SlimEvent>;
  /** By the Job's name; also of pods that are gone, as long as their Job is there. */
  readonly #podOfJob = new Map<string, SlimPod>();
  readonly #complaints = new Map<string, SlimEvent>();

  constructor({ namespace, onChange, ...shared }: ClusterViewOptions) {
    const notify =
      <S extends object>(note: (change: Change<S>) => void, jobNameOf: (object: S) => string | undefined) =>
      (change: Change<S>) => {
        note(change);
        if (isNews(change)) onChange(jobNameOf(change.object));
      };
    this.#jobs = new Reflector({
      ...shared,
      name: "jobs",
      path: pathOf(jobs, namespace),
      labelSelector: selector,
      slim: slimJob,
      onChange: notify(
        (change) => this.#noteJob(change),
        ({ name }) => name,
      ),
    });
    this.#pods = new Reflector({
      ...shared,
      name: "pods",
      path: pathOf(pods, namespace),
      labelSelector: selector,
      slim: (pod) => {
        const slim = slimPod(pod);
        return { ...slim, jobName: this.#jobs.get(slim.jobName)?.name ?? slim.jobName }; // one text for both
      },
      onChange: notify(
        (change) => this.#notePod(change),
        ({ jobName }) => jobName,
      ),
    });
    this.#events = new Reflector({
      ...shared,
      name: "events",
      path: pathOf(events, namespace),
      fieldSelector: "involvedObject.kind=Job,reason=FailedCreate",
      slim: slimEvent,
      onChange: notify(
        (change) => this.#noteEvent(change),
        () => undefined,
      ),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#jobs.run(signal), this.#pods.run(signal), this.#events.run(signal)]);
  }

  /** Complaints are a help only: nobody waits for them. */
  async synced(): Promise<void> {
    await Promise.all([this.#jobs.synced, this.#pods.synced]);
  }

  job(name: string): SlimJob | undefined {
    return this.#jobs.get(name);
  }

  jobs(): readonly SlimJob[] {
    return [...this.#jobs.values()];
  }

  /** The pod, or the last that was seen of it. */
  podOf(jobName: string): { readonly pod: SlimPod | undefined; readonly isThere: boolean } {
    const pod = this.#podOfJob.get(jobName);
    return { pod, isThere: pod !== undefined && this.#pods.get(pod.name) !== undefined };
  }

  complaintAbout(jobUid: string): string | undefined {
    return this.#complaints.get(jobUid)?.message;
  }

  #noteJob({ kind, object }: Change<SlimJob>): void {
    if (kind === "put") return;
    this.#complaints.delete(object.uid);
    const { pod, isThere } = this.podOf(object.name);
    if (pod && !isThere) this.#podOfJob.delete(object.name);
  }

  #notePod({ kind, object }: Change<SlimPod>): void {
    const job = this.#jobs.get(object.jobName);
    if (kind === "put" || job) this.#podOfJob.set(object.jobName, object);
    else this.#podOfJob.delete(object.jobName);
  }

  #noteEvent({ kind, object }: Change<SlimEvent>): void {
    if (kind === "put") this.#complaints.set(object.jobUid, object);
    else if (this.#complaints.get(object.jobUid)?.name === object.name)
      this.#complaints.delete(object.jobUid);
  }
}

/** Most of what a watch tells concerns nothing that is kept. */
function isNews<S extends object>({ kind, object, before }: Change<S>): boolean {
  return kind === "deleted" || before === undefined || !isDeepStrictEqual(bare(object), bare(before));
}

/** What a machine makes of a pod tells more than that it was chosen. */
const bare = (object: object) => ({ ...object, version: "", hasMachine: false });
