import { isKube, type Job, jobs, type KubeClient, type KubeError, secrets } from "@gradients/kube";
import { PodRefused, type PodSpec } from "../gpu-fleet.ts";
import { tokenSecret } from "./job-manifest.ts";
import { labelNames, MANAGER, OUTCOME, SPEC_HASH } from "./names.ts";
import { type SlimJob, slimJob } from "./slim-objects.ts";

/** Another's object has the name of ours, or ours was made from other settings and has to be made anew. */
class PodConflict extends Error {
  override readonly name = "PodConflict";
}

/** Has the API server forget which field was written by whom, and keep no such record of later changes: nobody applies our Jobs, and the record is half of what a change costs it. */
const NOT_TRACKED = [{}];

/** The writes that make a placement's Job and let it go, each of which may be repeated. */
export class JobWriter {
  readonly #client: KubeClient;
  readonly #queue: string | undefined;

  constructor(client: KubeClient, queue: string | undefined) {
    this.#client = client;
    this.#queue = queue;
  }

  /** One that is there already is ours, made from the same settings, or in the way. */
  async createJob(manifest: Job, signal: AbortSignal): Promise<Job> {
    const client = this.#client;
    const name = manifest.metadata?.name ?? "";
    try {
      return await client.create(jobs, manifest, signal);
    } catch (error) {
      if (isKube(error, "forbidden", "invalid")) throw refused(error);
      if (!isKube(error, "already_exists")) throw error;
    }
    const found = await client.get(jobs, name, signal);
    if (found.metadata?.labels?.[labelNames.managedBy] !== MANAGER)
      throw new PodConflict(`The Job ${name} belongs to somebody else`);
    const isSame = found.metadata.annotations?.[SPEC_HASH] === manifest.metadata?.annotations?.[SPEC_HASH];
    if (isSame || !isIncomplete(found)) return found;
    await this.#discard(found);
    throw new PodConflict(`The Job ${name} was made from other settings; it is made anew`);
  }

  /** True when the Secret holds this pod's token; false when an earlier start, cut short, had brought another. */
  async createToken(pod: PodSpec, jobUid: string, signal: AbortSignal): Promise<boolean> {
    const client = this.#client;
    const secret = tokenSecret(pod, jobUid);
    try {
      await client.create(secrets, secret, signal);
      return true;
    } catch (error) {
      if (!isKube(error, "already_exists")) throw error;
    }
    const found = await client.get(secrets, pod.name, signal);
    if (found.metadata?.ownerReferences?.some(({ uid }) => uid === jobUid)) return false;
    await client.delete(secrets, pod.name, { uid: found.metadata?.uid }, signal); // of a Job of that name before
    await client.create(secrets, secret, signal);
    return true;
  }

  /** Either we let it run, or Kueue takes it up by its label. */
  async begin(name: string, uid: string, signal: AbortSignal): Promise<void> {
    const queue = this.#queue;
    const metadata = { uid, managedFields: NOT_TRACKED };
    const change =
      queue === undefined
        ? { metadata, spec: { suspend: false } }
        : { metadata: { ...metadata, labels: { [labelNames.queue]: queue } } };
    await this.#client.patch(jobs, name, change, { lane: "normal", signal });
  }

  async #discard({ metadata }: Job): Promise<void> {
    const name = metadata?.name ?? "";
    const uid = metadata?.uid;
    await this.#client.delete(jobs, name, { uid, propagation: "Background" });
    const left = await this.find(name);
    if (left?.uid === uid && left) await this.dropFinalizer(left);
  }

  /** Compare and set: others' finalizers stay. */
  async dropFinalizer(job: SlimJob): Promise<void> {
    for (
      let known: SlimJob | undefined = job;
      known?.uid === job.uid && known.isOpen;
      known = await this.find(job.name)
    ) {
      const finalizers = known.finalizers.filter((one) => one !== OUTCOME);
      const metadata = { uid: known.uid, resourceVersion: known.version, finalizers };
      try {
        await this.#client.patch(jobs, job.name, { metadata });
        return;
      } catch (error) {
        if (!isKube(error, "conflict", "not_found")) throw error;
      }
    }
  }

  async find(name: string): Promise<SlimJob | undefined> {
    try {
      return slimJob(await this.#client.get(jobs, name));
    } catch (error) {
      if (isKube(error, "not_found")) return undefined;
      throw error;
    }
  }
}

/** Suspended, and not given to Kueue either: what `start` does last has not happened. */
export function isIncomplete({ metadata, spec }: Job): boolean {
  return spec?.suspend === true && metadata?.labels?.[labelNames.queue] === undefined;
}

/** A quota on Jobs, or a rule of the cluster's own. */
function refused(error: KubeError): PodRefused {
  if (/exceeded quota/i.test(error.message))
    return new PodRefused("waiting_for_quota", `the quota is used up: ${error.message}`, error);
  return new PodRefused("refused", `the cluster refuses the pod: ${error.message}`, error);
}
