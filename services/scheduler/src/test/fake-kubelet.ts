import { isKube, type KubeClient, type Pod, pathOf, pods, secrets } from "@gradients/kube";
import type { Behaviour } from "./fleet-conformance.ts";

interface RunningPod {
  readonly name: string;
  readonly uid: string;
  readonly jobName: string;
  readonly behaviour: Behaviour;
  readonly startedAt: number;
  killAt: number | undefined;
}

const LOOK_MS = 50;
/** An honest program needs a moment to save. */
const SAVE_MS = 100;

/** What a kubelet does to the objects of its pods; the pods themselves are only told about. */
export class FakeKubelet {
  readonly #client: KubeClient;
  readonly #nodeName: string;
  readonly #running = new Map<string, RunningPod>();
  readonly #seen = new Set<string>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  behaviour: Behaviour = "polite";
  /** Pods stay as the cluster made them. */
  isIdle = false;

  constructor(client: KubeClient, nodeName: string) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#loop = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  isAlive(jobName: string): boolean {
    return [...this.#running.values()].some((pod) => pod.jobName === jobName);
  }

  async tokenOf(jobName: string): Promise<string | undefined> {
    if (!this.isAlive(jobName)) return undefined;
    const { data } = await this.#client.get(secrets, jobName);
    return Buffer.from(data?.["token"] ?? "", "base64").toString();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#look();
      } catch {
        // the server is away, or the pod is gone: the next look tells
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #look(): Promise<void> {
    if (this.isIdle) return;
    const path = pathOf(pods, this.#client.namespace);
    const { items } = await this.#client.transport.call<{ readonly items: readonly Pod[] }>({
      method: "GET",
      path,
    });
    const uids = new Set(items.map(({ metadata }) => metadata?.uid));
    for (const uid of this.#running.keys()) if (!uids.has(uid)) this.#running.delete(uid);
    for (const pod of items) await this.#serve(pod).catch(() => undefined); // gone meanwhile, or next time
  }

  async #serve(pod: Pod): Promise<void> {
    const uid = pod.metadata?.uid ?? "";
    const known = this.#running.get(uid);
    if (!this.#seen.has(uid)) return pod.metadata?.deletionTimestamp ? this.#turnAway(pod) : this.#start(pod);
    if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") {
      if (pod.metadata?.deletionTimestamp) await this.#forget(pod);
      return;
    }
    if (!known) return;
    const { behaviour, startedAt } = known;
    const seconds = pod.spec?.activeDeadlineSeconds ?? Number.POSITIVE_INFINITY;
    if (behaviour === "crash") return this.#end(pod, 3);
    if (Date.now() - startedAt > seconds * 1000)
      return this.#end(pod, 137, {
        reason: "DeadlineExceeded",
        message: "Pod was active on the node longer than the specified deadline",
      });
    if (!pod.metadata?.deletionTimestamp) return;
    await this.#terminate(pod, known);
  }

  async #start(pod: Pod): Promise<void> {
    const { name = "", uid = "", labels } = pod.metadata ?? {};
    if (!pod.spec?.nodeName) await this.#bind(name);
    await this.setStatus(name, { phase: "Running", containerStatuses: containers({ running: {} }) });
    this.#seen.add(uid);
    const jobName =
      labels?.["batch.kubernetes.io/job-name"] ?? pod.metadata?.ownerReferences?.[0]?.name ?? "";
    const { behaviour } = this;
    this.#running.set(uid, { name, uid, jobName, behaviour, startedAt: Date.now(), killAt: undefined });
  }

  /** It was asked to leave before it began. One without a machine is no kubelet's. */
  async #turnAway(pod: Pod): Promise<void> {
    if (!pod.spec?.nodeName) return;
    await this.setStatus(pod.metadata?.name ?? "", { phase: "Failed" });
    await this.#forget(pod);
  }

  /** In place of a scheduler, or before it. */
  async #bind(name: string): Promise<void> {
    const path = `${pathOf(pods, this.#client.namespace, name)}/binding`;
    const target = { kind: "Node", name: this.#nodeName };
    const body = { apiVersion: "v1", kind: "Binding", metadata: { name }, target };
    try {
      await this.#client.transport.call({ method: "POST", path, body });
    } catch (error) {
      if (!isKube(error, "conflict")) throw error;
    }
  }

  async #terminate(pod: Pod, known: RunningPod): Promise<void> {
    const { deletionGracePeriodSeconds = 0 } = pod.metadata ?? {};
    known.killAt ??= Date.now() + deletionGracePeriodSeconds * 1000; // stamps have whole seconds only
    if (known.behaviour === "polite") {
      await new Promise((resolve) => setTimeout(resolve, SAVE_MS));
      return this.#end(pod, 75);
    }
    if (deletionGracePeriodSeconds === 0 || Date.now() >= known.killAt) await this.#end(pod, 137);
  }

  async #end(pod: Pod, exitCode: number, more: object = {}): Promise<void> {
    const phase = exitCode === 0 ? "Succeeded" : "Failed";
    await this.setStatus(pod.metadata?.name ?? "", {
      phase,
      containerStatuses: containers({ terminated: { exitCode, reason: "Error" } }, pod),
      ...more,
    });
    this.#running.delete(pod.metadata?.uid ?? "");
    if (pod.metadata?.deletionTimestamp) await this.#forget(pod);
  }

  async #forget(pod: Pod): Promise<void> {
    await this.#client.delete(pods, pod.metadata?.name ?? "", { graceSeconds: 0, uid: pod.metadata?.uid });
  }

  async setStatus(name: string, status: object): Promise<void> {
    await this.#client.patch(pods, name, { status }, { subresource: "status" });
  }
}

/** One that has ended already stays as it is. */
function containers(state: object, pod?: Pod): object[] {
  const before = (name: string) => pod?.status?.containerStatuses?.find((one) => one.name === name)?.state;
  return ["agent", "engine"].map((name) => ({
    name,
    state: before(name)?.terminated ? before(name) : state,
    ready: "running" in state,
    started: "running" in state,
    restartCount: 0,
    image: "image",
    imageID: "image",
  }));
}
