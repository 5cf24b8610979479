import { describe, expect, test } from "vitest";
import type { PodPhase } from "../gpu-fleet.ts";
import { OWN_IMAGE } from "./names.ts";
import { phaseOf } from "./pod-phase.ts";
import { slimJob, slimPod } from "./slim-objects.ts";

type JobStatus = NonNullable<Parameters<typeof slimJob>[0]["status"]>;
type PodStatus = NonNullable<Parameters<typeof slimPod>[0]["status"]>;
type State = NonNullable<NonNullable<PodStatus["containerStatuses"]>[number]["state"]>;

interface Case {
  readonly job?: JobStatus;
  readonly suspend?: boolean;
  readonly queue?: string;
  readonly isJobDeleting?: boolean;
  readonly pod?: PodStatus;
  readonly isPodDeleting?: boolean;
  readonly isPodGone?: boolean;
  readonly isStopped?: boolean;
  readonly isGivenUp?: boolean;
  readonly complaint?: string;
  readonly isOutdated?: boolean;
  readonly hasOwnImage?: boolean;
}

const now = "2026-01-01T00:00:00Z";
const secondsAgo = (seconds: number) => new Date(Date.parse(now) - seconds * 1000).toISOString();

function phase(facts: Case): PodPhase {
  const labels = facts.queue ? { "kueue.x-k8s.io/queue-name": facts.queue } : {};
  const job = slimJob({
    metadata: {
      name: "j",
      labels,
      ...(facts.hasOwnImage && { annotations: { [OWN_IMAGE]: "true" } }),
      ...(facts.isJobDeleting && { deletionTimestamp: now }),
    },
    spec: { suspend: facts.suspend ?? false, template: {} },
    status: facts.job ?? {},
  });
  const pod =
    facts.pod &&
    slimPod({
      metadata: { name: "p", ...(facts.isPodDeleting && { deletionTimestamp: now }) },
      status: facts.pod,
    });
  const { complaint, isStopped = false, isGivenUp = false, isOutdated = false } = facts;
  const isPodThere = pod !== undefined && !facts.isPodGone;
  const ours = { isOutdated, isStopped, isGivenUp, now: new Date(now) };
  return phaseOf({ job, pod, isPodThere, complaint, ...ours });
}

const containers = (agent: State, engine: State = agent) =>
  [
    { name: "agent", state: agent },
    { name: "engine", state: engine },
  ].map((status) => ({ ...status, ready: false, restartCount: 0, image: "", imageID: "" }));
const running = { phase: "Running", containerStatuses: containers({ running: {} }) };
const gateIn = (state: State) =>
  containers(state)
    .map((status) => ({ ...status, name: "gate" }))
    .slice(0, 1);
const behindGate = (seconds: number): PodStatus => ({
  phase: "Pending",
  initContainerStatuses: gateIn({ running: { startedAt: secondsAgo(seconds) } }),
  containerStatuses: containers({ waiting: { reason: "PodInitializing" } }),
});
const withWaiting = (reason: string, message = ""): Case => ({
  pod: { phase: "Pending", containerStatuses: containers({ waiting: { reason, message } }) },
});
const exit = (exitCode: number, reason = "Error"): State => ({ terminated: { exitCode, reason } });
const failed = (reason: string): JobStatus => ({
  conditions: [{ type: "Failed", status: "True", reason, message: reason }],
});
const disrupted = (reason: string): PodStatus => ({
  phase: "Failed",
  conditions: [{ type: "DisruptionTarget", status: "True", reason, message: "because" }],
  containerStatuses: containers(exit(137)),
});

describe("a pod that does not run yet", () => {
  test.each<[string, Case, string, RegExp]>([
    ["whose start was cut short", { suspend: true }, "incomplete", /^$/],
    ["that Kueue holds", { suspend: true, queue: "gpu" }, "waiting_for_quota", /queue/],
    ["that is not made yet", {}, "starting", /makes the pod/],
    [
      "over a quota",
      { complaint: 'pods "x" is forbidden: exceeded quota: gpus' },
      "waiting_for_quota",
      /exceeded quota: gpus/,
    ],
    [
      "against the rules",
      { complaint: 'pods "x" is forbidden: violates PodSecurity' },
      "refused",
      /violates PodSecurity/,
    ],
    [
      "over a quota, of before an upgrade",
      { complaint: 'pods "x" is forbidden: exceeded quota: gpus', isOutdated: true },
      "waiting_for_quota",
      /exceeded quota: gpus/,
    ],
    [
      "for which no node fits",
      {
        pod: {
          phase: "Pending",
          conditions: [
            {
              type: "PodScheduled",
              status: "False",
              reason: "Unschedulable",
              message: "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
            },
          ],
        },
      },
      "unschedulable",
      /no machine fits: 0\/3 nodes/,
    ],
    ["whose network is not closed yet", { pod: behindGate(24) }, "starting", /network is still open/],
    ["whose network nobody closes", { pod: behindGate(25) }, "refused", /does not enforce NetworkPolicy/],
    ["on its machine", withWaiting("ContainerCreating"), "pulling_image", /prepared/],
    [
      "whose registry does not answer",
      withWaiting("ImagePullBackOff", "dial tcp: i/o timeout"),
      "pulling_image",
      /i\/o timeout/,
    ],
    [
      "that cannot be started",
      withWaiting("CreateContainerConfigError", 'secret "s" not found'),
      "refused",
      /secret "s" not found/,
    ],
  ])("%s", (_what, facts, reason, message) => {
    expect(phase(facts)).toMatchObject({ kind: "pending", reason, message: expect.stringMatching(message) });
  });
});

describe("a pod that ended", () => {
  test.each<[string, Case, string]>([
    [
      "by itself",
      {
        job: failed("BackoffLimitExceeded"),
        pod: { phase: "Failed", containerStatuses: containers(exit(3)) },
      },
      "exited",
    ],
    [
      "with its work done",
      {
        job: { conditions: [{ type: "Complete", status: "True" }] },
        pod: { phase: "Succeeded", containerStatuses: containers(exit(0, "Completed")) },
      },
      "exited",
    ],
    [
      "its agent while the engine goes on",
      { pod: { phase: "Running", containerStatuses: containers(exit(1), { running: {} }) } },
      "exited",
    ],
    [
      "its engine out of memory",
      { pod: { phase: "Running", containerStatuses: containers({ running: {} }, exit(137, "OOMKilled")) } },
      "out_of_memory",
    ],
    [
      "its agent out of memory, which is ours",
      { pod: { phase: "Failed", containerStatuses: containers(exit(137, "OOMKilled"), exit(0)) } },
      "exited",
    ],
    [
      "too much disk",
      {
        pod: {
          phase: "Failed",
          reason: "Evicted",
          message: 'Usage of EmptyDir volume "work" exceeds the limit "1Gi".',
        },
      },
      "disk_full",
    ],
    [
      "too much disk in all",
      {
        pod: {
          phase: "Failed",
          reason: "Evicted",
          message: "Pod ephemeral local storage usage exceeds the total limit of containers 2Gi.",
        },
      },
      "disk_full",
    ],
    [
      "a node that runs full",
      {
        pod: {
          phase: "Failed",
          reason: "Evicted",
          message: "The node was low on resource: ephemeral-storage.",
        },
      },
      "evicted",
    ],
    [
      "without its engine, whose registry did not answer",
      {
        pod: {
          phase: "Pending",
          containerStatuses: containers(exit(75), {
            waiting: { reason: "ImagePullBackOff", message: "dial tcp: i/o timeout" },
          }),
        },
      },
      "not_placed",
    ],
    ["preempted", { pod: disrupted("PreemptionByScheduler") }, "preempted"],
    ["drained", { pod: disrupted("EvictionByEvictionAPI") }, "evicted"],
    ["a node that was lost", { pod: disrupted("DeletionByTaintManager") }, "node_lost"],
    ["a node that is gone", { pod: disrupted("DeletionByPodGC"), isPodGone: true }, "node_lost"],
    ["over its time", { job: failed("DeadlineExceeded"), pod: running, isPodGone: true }, "deadline"],
    [
      "over its time by the kubelet's clock",
      { pod: { phase: "Failed", reason: "DeadlineExceeded", containerStatuses: containers(exit(137)) } },
      "deadline",
    ],
    [
      "over its time by the kubelet's clock, while its first image was fetched",
      {
        pod: {
          phase: "Failed",
          reason: "DeadlineExceeded",
          containerStatuses: containers({ waiting: { reason: "PodInitializing" } }),
        },
      },
      "not_placed",
    ],
    [
      "over its time by the kubelet's clock, while its engine's image was fetched",
      {
        pod: {
          phase: "Failed",
          reason: "DeadlineExceeded",
          containerStatuses: containers(exit(137), exit(137, "ContainerStatusUnknown")),
        },
      },
      "not_placed",
    ],
    [
      "over its time without a machine",
      { job: failed("DeadlineExceeded"), pod: { phase: "Pending" }, isPodGone: true },
      "not_placed",
    ],
    [
      "an image that does not exist",
      withWaiting("ErrImagePull", 'failed to resolve reference "x": not found'),
      "image_not_found",
    ],
    ["a rule that came with an upgrade", { complaint: "a gate comes first", isOutdated: true }, "outdated"],
    ["by hand", { job: failed("BackoffLimitExceeded") }, "deleted"],
    ["with its Job, by hand", { isJobDeleting: true, pod: running }, "deleted"],
    [
      "given up, as its machine did not answer",
      { isJobDeleting: true, pod: running, isPodGone: true, isStopped: true, isGivenUp: true },
      "node_lost",
    ],
    ["because we asked, unseen", { job: failed("BackoffLimitExceeded"), isStopped: true }, "exited"],
  ])("%s", (_what, facts, cause) => {
    expect(phase(facts)).toMatchObject({ kind: "ended", cause });
  });

  test("tells the agent's exit code, not the engine's", () => {
    const pod = { phase: "Failed", containerStatuses: containers(exit(75), exit(1)) };
    expect(phase({ pod })).toMatchObject({ exitCode: 75 });
  });
});

describe("an image that is the recipe's own, and too slow to come", () => {
  const unknown = exit(137, "ContainerStatusUnknown");
  const timeIsOver = (
    containerStatuses: ReturnType<typeof containers> | undefined,
    gate?: State,
  ): PodStatus => ({
    phase: "Failed",
    reason: "DeadlineExceeded",
    ...(gate && { initContainerStatuses: gateIn(gate) }),
    ...(containerStatuses && { containerStatuses }),
  });
  const waiting: State = { waiting: { reason: "ImagePullBackOff", message: "dial tcp: i/o timeout" } };
  const passed = exit(0, "Completed");

  test.each<[string, PodStatus, string]>([
    ["when its time is over", timeIsOver(containers(unknown), passed), "own_image_late"],
    ["also without a gate", timeIsOver(containers(waiting)), "own_image_late"],
    [
      "when its agent gave it up",
      { phase: "Pending", containerStatuses: containers(exit(75), waiting) },
      "own_image_late",
    ],
    [
      "not while the gate's was fetched, which is the platform's",
      timeIsOver(containers({ waiting: { reason: "PodInitializing" } }), waiting),
      "not_placed",
    ],
    ["not behind a gate that nobody opened", timeIsOver(containers(unknown), exit(137)), "not_placed"],
    [
      "not while the agent's was fetched",
      timeIsOver(containers(waiting, { running: {} }), passed),
      "not_placed",
    ],
    ["not without a machine", timeIsOver(undefined), "not_placed"],
    ["not once it had come", timeIsOver(containers(exit(137)), passed), "deadline"],
  ])("%s", (_what, pod, cause) => {
    expect(phase({ pod, hasOwnImage: true })).toMatchObject({ kind: "ended", cause });
    if (cause === "own_image_late") expect(phase({ pod })).toMatchObject({ cause: "not_placed" });
  });
});

test("one that is asked to end is stopping until it has ended", () => {
  expect(phase({ pod: running, isStopped: true })).toEqual({ kind: "stopping" });
  expect(phase({ pod: running, isPodDeleting: true })).toEqual({ kind: "stopping" });
  expect(phase({ pod: running })).toEqual({ kind: "running" });
});
