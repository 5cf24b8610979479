import type { EndCause, PodEnd } from "../../domain/pod-facts.ts";
import type { PodPhase } from "../gpu-fleet.ts";
import type { SlimContainer, SlimJob, SlimPod } from "./slim-objects.ts";

export interface PodFacts {
  readonly job: SlimJob;
  /** The Job's pod, or the last that was seen of it. */
  readonly pod: SlimPod | undefined;
  /** False when the pod is gone from the cluster. */
  readonly isPodThere: boolean;
  /** Why the Job controller could not create a pod. */
  readonly complaint: string | undefined;
  /** The Job was made from other settings than today's. */
  readonly isOutdated: boolean;
  /** We have asked it to end. */
  readonly isStopped: boolean;
  /** It did not end in its grace, as its machine does not answer or cannot kill a process of it: it has been deleted without. */
  readonly isGivenUp: boolean;
  readonly now: Date;
}

/** A network that enforces policies closes a new pod sooner, even if its gate has to see the API server away for 15 s to know it. */
const NETWORK_PATIENCE_SECONDS = 25;

/** What a Job and its pod amount to, by what the control plane says of them. */
export function phaseOf(facts: PodFacts): PodPhase {
  const { job, pod, isPodThere, isStopped, now } = facts;
  const isAlive = isPodThere && pod !== undefined && !isOver(pod);
  if (isStopped && isAlive) return { kind: "stopping" };
  const final = pod && earlyEnd(pod);
  if (final) return { kind: "ended", ...final };
  if (job.isDeleting) return isAlive && pod.isDeleting ? { kind: "stopping" } : ended(facts, "deleted");
  if (job.end) return isAlive && pod.isDeleting ? { kind: "stopping" } : ended(facts, undefined);
  if (pod && !isAlive) return ended(facts, undefined);
  if (job.isSuspended) return suspended(job);
  if (!pod) return withoutPod(facts);
  if (pod.isDeleting) return { kind: "stopping" };
  return pod.phase === "Running" ? { kind: "running" } : pending(pod, now);
}

/** The agent's end is the pod's: without it nothing is delivered any more. */
function isOver({ phase, agent }: SlimPod): boolean {
  return phase === "Succeeded" || phase === "Failed" || agent?.state === "terminated";
}

/** An end that is certain while the pod still exists, so that nobody waits for it. */
function earlyEnd(pod: SlimPod): PodEnd | undefined {
  if (pod.engine?.reason === "OOMKilled") {
    return { cause: "out_of_memory", exitCode: pod.agent?.exitCode ?? null, message: "" };
  }
  const missing = [pod.gate, pod.engine, pod.agent].find(
    (container) => container !== null && isMissingImage(container),
  );
  if (!missing) return undefined;
  return { cause: "image_not_found", exitCode: null, message: missing.message };
}

/** A registry that does not answer is another matter: it is asked again. */
function isMissingImage({ state, reason, message }: SlimContainer): boolean {
  if (state !== "waiting") return false;
  if (reason === "InvalidImageName") return true;
  return (
    (reason === "ErrImagePull" || reason === "ImagePullBackOff") &&
    /not found|manifest unknown|does not exist|name unknown/i.test(message)
  );
}

function ended(facts: PodFacts, fallback: EndCause | undefined): PodPhase {
  const exitCode = facts.pod?.agent?.exitCode ?? null;
  const [cause, message] = causeOf(facts, fallback);
  return { kind: "ended", cause, exitCode, message };
}

function causeOf(
  { job, pod, isStopped, isGivenUp }: PodFacts,
  fallback: EndCause | undefined,
): readonly [EndCause, string] {
  const over = [pod, job.end].find((one) => one?.reason === "DeadlineExceeded");
  if (over) return [hasRun(pod) ? "deadline" : lateImage(job, pod), over.message];
  if (pod?.disruption) return [causeOfDisruption(pod.disruption.reason), pod.disruption.message];
  if (pod?.reason === "Evicted") return [isOwnDisk(pod.message) ? "disk_full" : "evicted", pod.message];
  if (pod?.reason === "NodeLost" || pod?.reason === "NodeShutdown") return ["node_lost", pod.message];
  if (pod && pod.agent?.state === "terminated")
    return lacksImage(pod.engine) ? [lateImage(job, pod), pod.engine.message] : ["exited", ""];
  if (isGivenUp) return ["node_lost", "it did not end the pod in its grace"];
  if (fallback) return [fallback, ""];
  if (pod?.isDeleting || (job.end?.isFailure && !pod)) return isStopped ? ["exited", ""] : ["deleted", ""];
  return ["unknown", job.end?.message ?? ""];
}

/** The pod's time also counts while its images are fetched, one container after the other. */
function hasRun(pod: SlimPod | undefined): boolean {
  return pod !== undefined && hasBegun(pod.agent) && hasBegun(pod.engine);
}

/** A contestant answers for the registry of an own image, which would else hold a slot again and again. What comes before it is the platform's. */
function lateImage({ hasOwnImage }: SlimJob, pod: SlimPod | undefined): EndCause {
  const isItsTurn = pod !== undefined && pod.engine !== null && hasPassed(pod.gate) && !hasBegun(pod.engine);
  return hasOwnImage && isItsTurn ? "own_image_late" : "not_placed";
}

/** True also where there is no gate. */
function hasPassed(gate: SlimContainer | null): boolean {
  return gate === null || (gate.state === "terminated" && gate.exitCode === 0);
}

/** Its agent gave it up meanwhile. */
function lacksImage(engine: SlimContainer | null): engine is SlimContainer {
  return engine?.state === "waiting" && /Image/.test(engine.reason);
}

/** Of a container that never was, the kubelet says so in this way when it ends the pod. */
function hasBegun(container: SlimContainer | null): boolean {
  if (container?.state === "terminated") return container.reason !== "ContainerStatusUnknown";
  return container?.state === "running";
}

const disruptions: Readonly<Record<string, EndCause>> = {
  PreemptionByScheduler: "preempted",
  DeletionByTaintManager: "node_lost",
  DeletionByPodGC: "node_lost",
  DeletionByDeviceTaintManager: "node_lost",
};

function causeOfDisruption(reason: string): EndCause {
  return disruptions[reason] ?? "evicted";
}

/** The pod's own limits, as opposed to a node that runs full. */
function isOwnDisk(message: string): boolean {
  return /exceeds the (local ephemeral storage )?limit|exceeds the total limit|exceeds the limit/i.test(
    message,
  );
}

function suspended({ isQueued }: SlimJob): PodPhase {
  if (isQueued) return waiting("waiting_for_quota", "waiting in the cluster's queue");
  return waiting("incomplete", "");
}

/** A Job is never changed: if a rule is in its way that today's would keep, only a new one helps. */
function withoutPod({ complaint, isOutdated }: PodFacts): PodPhase {
  if (complaint === undefined) return waiting("starting", "the cluster makes the pod");
  if (/exceeded quota/i.test(complaint))
    return waiting("waiting_for_quota", `the quota is used up: ${complaint}`);
  if (isOutdated) return { kind: "ended", cause: "outdated", exitCode: null, message: complaint };
  return waiting("refused", `the cluster refuses the pod: ${complaint}`);
}

function pending({ unschedulable, gate, gateSince, engine, agent }: SlimPod, now: Date): PodPhase {
  if (unschedulable !== null) return waiting("unschedulable", `no machine fits: ${unschedulable}`);
  if (gateSince !== null) return behindGate((now.getTime() - gateSince) / 1000);
  const held = [gate, engine, agent].find(
    (container) => container?.state === "waiting" && container.reason !== "",
  );
  if (!held) return waiting("starting", "waiting for a machine");
  if (/Image/.test(held.reason))
    return waiting("pulling_image", `the image cannot be fetched yet: ${held.message || held.reason}`);
  if (held.reason === "ContainerCreating" || held.reason === "PodInitializing")
    return waiting("pulling_image", "a machine is being prepared: image and disk space");
  return waiting("refused", `the machine cannot start the pod: ${held.message || held.reason}`);
}

function behindGate(seconds: number): PodPhase {
  if (seconds < NETWORK_PATIENCE_SECONDS)
    return waiting("starting", "the pod's network is still open: it is waited for");
  return waiting(
    "refused",
    `the cluster's network does not enforce NetworkPolicy: for more than ${NETWORK_PATIENCE_SECONDS} s it has left the pod open, to the API server or to a resolver (one on the node itself, which policies do not close, needs trainers.networkPolicy.dns)`,
  );
}

function waiting(reason: Extract<PodPhase, { kind: "pending" }>["reason"], message: string): PodPhase {
  return { kind: "pending", reason, message };
}
