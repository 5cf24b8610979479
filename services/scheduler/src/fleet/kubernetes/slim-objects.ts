import type { Job, KubeEvent, Pod } from "@gradients/kube";
import { JOB_OF_POD, labelNames, OUTCOME, OWN_IMAGE, SETTINGS_HASH } from "./names.ts";

/** What is kept of a Job, of which there may be 10,000: its attempt and epoch are in its name. */
export interface SlimJob {
  readonly name: string;
  readonly version: string;
  readonly uid: string;
  readonly hardwareClass: string;
  /** Empty for those of releases that had none. */
  readonly settingsHash: string;
  /** Its engine's image is the recipe's own. */
  readonly hasOwnImage: boolean;
  readonly isSuspended: boolean;
  readonly isQueued: boolean;
  readonly isDeleting: boolean;
  /** The scheduler has not recorded its outcome yet. */
  readonly isOpen: boolean;
  readonly finalizers: readonly string[];
  readonly end: { readonly reason: string; readonly message: string; readonly isFailure: boolean } | null;
}

export interface SlimPod {
  readonly name: string;
  readonly version: string;
  readonly uid: string;
  readonly jobName: string;
  readonly isDeleting: boolean;
  /** Bound to a node, whether or not that has done anything yet. */
  readonly hasMachine: boolean;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  /** Why no node was found. */
  readonly unschedulable: string | null;
  /** Reason and message of the condition DisruptionTarget. */
  readonly disruption: { readonly reason: string; readonly message: string } | null;
  /** Runs before the others, until the pod's network is closed. */
  readonly gate: SlimContainer | null;
  /** When it began, in milliseconds since 1970; null when it does not run. */
  readonly gateSince: number | null;
  readonly agent: SlimContainer | null;
  readonly engine: SlimContainer | null;
}

export interface SlimContainer {
  readonly state: "waiting" | "running" | "terminated";
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number | null;
}

/** Most objects are like this: they share it. */
const onlyOurs: readonly string[] = [OUTCOME];
const isRunning: SlimContainer = { state: "running", reason: "", message: "", exitCode: null };

const texts = new Map<string, string>();

/** One text for all that name the same hardware class or settings; there are only as many as an operator has written. */
function sharedText(text: string): string {
  const known = texts.get(text);
  if (known === undefined) texts.set(text, text);
  return known ?? text;
}

export function slimJob({ metadata, spec, status }: Job): SlimJob {
  const labels = metadata?.labels ?? {};
  const end = status?.conditions?.find(
    ({ type, status: isTrue }) => isTrue === "True" && (type === "Complete" || type === "Failed"),
  );
  const finalizers = metadata?.finalizers ?? [];
  return {
    name: metadata?.name ?? "",
    version: metadata?.resourceVersion ?? "",
    uid: metadata?.uid ?? "",
    hardwareClass: sharedText(labels[labelNames.hardwareClass] ?? ""),
    settingsHash: sharedText(metadata?.annotations?.[SETTINGS_HASH] ?? ""),
    hasOwnImage: metadata?.annotations?.[OWN_IMAGE] !== undefined,
    isSuspended: spec?.suspend === true,
    isQueued: labels[labelNames.queue] !== undefined,
    isDeleting: metadata?.deletionTimestamp !== undefined,
    isOpen: finalizers.includes(OUTCOME),
    finalizers: finalizers.length === 1 && finalizers[0] === OUTCOME ? onlyOurs : finalizers,
    end: end
      ? { reason: end.reason ?? "", message: end.message ?? "", isFailure: end.type === "Failed" }
      : null,
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];

export function slimPod({ metadata, spec, status }: Pod): SlimPod {
  const condition = (type: string) => status?.conditions?.find((one) => one.type === type);
  const scheduled = condition("PodScheduled");
  const disruption = condition("DisruptionTarget");
  const container = (name: string) =>
    slimContainer(status?.containerStatuses?.find((one) => one.name === name));
  const gate = status?.initContainerStatuses?.find((one) => one.name === "gate");
  const gateSince = gate?.state?.running?.startedAt;
  return {
    name: metadata?.name ?? "",
    version: metadata?.resourceVersion ?? "",
    uid: metadata?.uid ?? "",
    jobName: metadata?.labels?.[JOB_OF_POD] ?? metadata?.ownerReferences?.[0]?.name ?? "",
    isDeleting: metadata?.deletionTimestamp !== undefined,
    hasMachine: spec?.nodeName !== undefined,
    phase: status?.phase ?? "Pending",
    reason: status?.reason ?? "",
    message: status?.message ?? "",
    unschedulable: scheduled?.status === "False" ? (scheduled.message ?? scheduled.reason ?? "") : null,
    disruption:
      disruption?.status === "True"
        ? { reason: disruption.reason ?? "", message: disruption.message ?? "" }
        : null,
    gate: slimContainer(gate),
    gateSince: gateSince === undefined ? null : Date.parse(gateSince),
    agent: container("agent"),
    engine: container("engine"),
  };
}

function slimContainer(status: ContainerStatus | undefined): SlimContainer | null {
  const { waiting, running, terminated } = status?.state ?? {};
  const found = terminated ?? waiting;
  if (!found) return running ? isRunning : null;
  return {
    state: terminated ? "terminated" : "waiting",
    reason: found.reason ?? "",
    message: found.message ?? "",
    exitCode: terminated?.exitCode ?? null,
  };
}

/** The Job controller's complaint that it may not create a pod. */
export interface SlimEvent {
  readonly name: string;
  readonly version: string;
  readonly jobUid: string;
  readonly message: string;
}

export function slimEvent({ metadata, involvedObject, message }: KubeEvent): SlimEvent {
  return {
    name: metadata?.name ?? "",
    version: metadata?.resourceVersion ?? "",
    jobUid: involvedObject.uid ?? "",
    message: message ?? "",
  };
}
