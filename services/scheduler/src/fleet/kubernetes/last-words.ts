import type { KubeClient } from "@gradients/kube";
import type { PodStatus } from "../gpu-fleet.ts";
import type { SlimPod } from "./slim-objects.ts";

const LINES = 5;
/** The kubelet may be gone with its node; nobody waits for it for long. */
const TIMEOUT_MS = 2_000;

/** The end of an agent's log, for pods that ended badly: what the agent could not say through the relay. Asked for once. */
export class LastWords {
  readonly #client: KubeClient;
  readonly #texts = new Map<string, string>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** With the words as its message, once the pod is known to have ended by itself. */
  async of(status: PodStatus, pod: SlimPod | undefined): Promise<PodStatus> {
    const { phase } = status;
    if (phase.kind !== "ended" || phase.cause !== "exited" || phase.exitCode === 0 || !pod) return status;
    const message = this.#texts.get(pod.uid) ?? (await this.#ask(pod));
    this.#texts.set(pod.uid, message);
    return { ...status, phase: { ...phase, message } };
  }

  forget(uid: string): void {
    this.#texts.delete(uid);
  }

  async #ask({ name }: SlimPod): Promise<string> {
    try {
      const text = await this.#client.logTail(name, {
        container: "agent",
        lines: LINES,
        timeoutMs: TIMEOUT_MS,
      });
      return text.trim();
    } catch {
      return ""; // a help for whoever reads the log, no more
    }
  }
}
