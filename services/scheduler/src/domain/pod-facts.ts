import type { AttemptCommand } from "./attempt-machine.ts";
import { failureOf } from "./failures.ts";

/** Why a pod does not run yet. */
export type PendingReason =
  | "starting"
  /** Its start was cut short: it has to be asked for once more. */
  | "incomplete"
  | "waiting_for_quota"
  | "unschedulable"
  | "pulling_image"
  /** The platform's own rules refuse the pod: an operator has to mend them. */
  | "refused";

/** What the platform, not the pod, has to wait for: such a wait is no fault of the attempt's and has no end of its own. */
const held = ["waiting_for_quota", "unschedulable", "pulling_image", "refused"] as const;

export type HeldReason = (typeof held)[number];

export function isHeld(reason: PendingReason | undefined): reason is HeldReason {
  return held.some((one) => one === reason);
}

/** What ended a pod, by what the fleet itself knows: nothing that runs inside has a say in it. */
export type EndCause =
  /** The agent ended, well or badly. */
  | "exited"
  | "never_started"
  | "out_of_memory"
  | "disk_full"
  | "deadline"
  /** Its time was over before it ran: no machine took it, or its images were too slow to come. */
  | "not_placed"
  /** Its time was over, or its agent gave up, while the recipe's own image was on its way. */
  | "own_image_late"
  | "image_not_found"
  | "evicted"
  | "preempted"
  | "node_lost"
  /** Somebody removed it. */
  | "deleted"
  /** It never began: what it was made from is no longer let in, and what is made today may be. */
  | "outdated"
  | "unknown";

export interface PodEnd {
  readonly cause: EndCause;
  /** Null when nobody was there to see it. */
  readonly exitCode: number | null;
  readonly message: string;
}

/** fault: the work's own, final. platform: placed again and not counted. loss: placed again, a few times. */
const verdicts = {
  exited: "loss",
  never_started: "loss",
  unknown: "loss",
  own_image_late: "loss",
  out_of_memory: "fault",
  disk_full: "fault",
  deadline: "fault",
  image_not_found: "fault",
  not_placed: "platform",
  evicted: "platform",
  preempted: "platform",
  node_lost: "platform",
  deleted: "platform",
  outdated: "platform",
} as const satisfies Record<EndCause, "fault" | "platform" | "loss">;

const faults = {
  out_of_memory: "OUT_OF_MEMORY",
  disk_full: "DISK_FULL",
  deadline: "DEADLINE_EXCEEDED",
  image_not_found: "IMAGE_NOT_FOUND",
} as const;

const words: Readonly<Record<EndCause, string>> = {
  exited: "the pod ended",
  never_started: "the pod never started",
  unknown: "the pod is gone",
  out_of_memory: "the pod was ended for its memory",
  disk_full: "the pod was ended for its disk space",
  deadline: "the pod's time was over",
  not_placed: "the pod did not come to run in its time",
  own_image_late: "the recipe's own image did not come in time",
  image_not_found: "the image does not exist",
  evicted: "the machine had to evict the pod",
  preempted: "the pod had to make room for others",
  node_lost: "the machine was lost",
  deleted: "the pod was deleted",
  outdated: "the cluster refuses a pod of before an upgrade",
};

/** What the end of a pod means for the attempt that it held. */
export function commandOfEnd(end: PodEnd, epoch: number): AttemptCommand {
  const because = textOf(end);
  switch (verdicts[end.cause]) {
    case "platform":
      return { type: "interrupt", epoch, because };
    case "loss":
      return { type: "lose", epoch, because };
    case "fault":
      return {
        type: "fail",
        epoch,
        failure: failureOf(faults[end.cause as keyof typeof faults], end.message),
      };
  }
}

/** Trying again would end in the same way. */
export function isFinalEnd({ cause }: PodEnd): boolean {
  return verdicts[cause] === "fault";
}

/** What the platform did to a pod, also when its agent's silence was noticed first. Not among them: a pod that was deleted, which we do ourselves when it is silent. */
const excuses: ReadonlySet<EndCause> = new Set(["evicted", "preempted", "node_lost", "not_placed"]);

/** A loss that has been counted for that pod is none. */
export function isExcuse({ cause }: PodEnd): boolean {
  return excuses.has(cause);
}

function textOf({ cause, exitCode, message }: PodEnd): string {
  if (cause === "exited") return `the pod ended with exit code ${exitCode ?? "unknown"}`;
  return message ? `${words[cause]}: ${message}` : words[cause];
}
