import type { PendingReason, PodEnd } from "../domain/pod-facts.ts";

/**
 * Where pods run: local processes, or Kubernetes Jobs. The scheduler is level-triggered: it lists what there is, compares with what its
 * tables want, then starts, stops and removes. So every method may be called again, in any order, by a process that knows no history.
 */
export interface GpuFleet {
  readonly classes: readonly HardwareClass[];
  /** Begins to follow what happens to the pods. */
  open(): Promise<void>;
  /** All pods of this fleet, also those an earlier process started. */
  list(signal: AbortSignal): Promise<readonly PodStatus[]>;
  /**
   * `exists`: a pod of that name is there already, whatever its state; it keeps the token that it has. Pods are never replaced in place. A start that was cut
   * short leaves a pod that is pending as `incomplete`; starting it again completes it. Throws PodRefused when it has to wait.
   */
  start(pod: PodSpec, signal: AbortSignal): Promise<"started" | "exists">;
  /** Asks the pod to end and returns; after the grace it is killed with all its processes. Calling again does not extend the grace. */
  stop(name: string, graceSeconds: number): Promise<void>;
  /** Forgets an ended pod and frees what it left behind. */
  remove(name: string): Promise<void>;
  /** Calls back whenever `list` may have changed: a hint, never relied upon. Ends when the signal aborts. */
  watch(onChange: () => void, signal: AbortSignal): void;
  /** With `stopPods`, no pod is left when it resolves; without, pods go on and the next process finds them. */
  close(options: { readonly stopPods: boolean }): Promise<void>;
}

/** The fleet takes no such pod now; later it may. */
export class PodRefused extends Error {
  override readonly name = "PodRefused";
  readonly reason: PendingReason;

  constructor(reason: PendingReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

export interface HardwareClass {
  readonly name: string;
  readonly description: string;
  /** Pods that run at the same time. */
  readonly slots: number;
  readonly threadsPerSlot: number;
}

export interface PodSpec {
  /** Deterministic, at most 63 characters of [a-z0-9-]: the same placement is never started twice. */
  readonly name: string;
  readonly attemptId: string;
  readonly epoch: number;
  readonly hardwareClass: string;
  /** Address of the relay as seen from inside the pod. */
  readonly relayTarget: string;
  /** The attempt's own bearer token for this epoch. */
  readonly token: string;
  readonly traceparent: string | null;
  /** The fleet ends the pod after that time even when nobody asks: a backstop, longer than any deadline of the attempt. */
  readonly maxSeconds: number;
  readonly jobId: string;
  /** A training is the contestant's own; an evaluation is the platform's, whatever the class trains with. */
  readonly work: "train" | "evaluate";
  /** What the recipe brings to train with; null where it brings none, and for evaluations. A fleet that runs no images refuses it. */
  readonly image: string | null;
}

export interface PodStatus {
  readonly name: string;
  readonly attemptId: string;
  readonly epoch: number;
  readonly hardwareClass: string;
  readonly phase: PodPhase;
}

export type PodPhase =
  | { readonly kind: "pending"; readonly reason: PendingReason; readonly message: string }
  | { readonly kind: "running" }
  | { readonly kind: "stopping" }
  | ({ readonly kind: "ended" } & PodEnd);
