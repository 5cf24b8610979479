import { fate } from "./annotations.ts";

/**
 * The life of a pod on a simulated node as KWOK's stages: each says which pods it takes, after what delay, and what it does to their
 * status. Exactly one stage fits a pod at any time, so nothing is left to chance.
 */
export const stages = () => [
  stage("pod-pull", [pending, has(fate.pullTime), lacks(fate.imageMissing), noContainers], {
    status: waiting("ContainerCreating", '""'),
  }),
  stage("pod-image-missing", [pending, has(fate.imageMissing), noContainers], {
    status: waiting("ImagePullBackOff", '{{ printf "Back-off pulling image %s" $item.image | Quote }}'),
  }),
  stage("pod-run", [pending, lacks(fate.pullTime), lacks(fate.imageMissing)], { status: running }),
  stage("pod-run-after-pull", [pending, has(fate.pullTime), lacks(fate.imageMissing), someContainers], {
    delay: after(fate.pullTime, 0),
    status: running,
  }),
  stage("pod-end", [isRunning, lacks(fate.nodeLostAfter)], {
    delay: after(fate.runTime, 1000),
    status: ended,
  }),
  stage("pod-node-lost", [isRunning, has(fate.nodeLostAfter)], {
    delay: after(fate.nodeLostAfter, 0),
    status: nodeLost,
    deletes: true,
  }),
  removal("Pod"),
  // Nodes need nothing done to them, but KWOK looks after pods only if it has a stage for their nodes.
  removal("Node"),
];

interface Expression {
  readonly key: string;
  readonly operator: "In" | "Exists" | "DoesNotExist";
  readonly values?: readonly string[];
}

interface Effect {
  readonly delay?: object;
  /** Go template that yields the status to merge in. */
  readonly status: string;
  readonly deletes?: boolean;
}

const head = (name: string) => ({
  apiVersion: "kwok.x-k8s.io/v1alpha1",
  kind: "Stage",
  metadata: { name },
});

function stage(name: string, selector: readonly Expression[], { delay, status, deletes = false }: Effect) {
  const patch = { patch: { subresource: "status", root: "status", template: status } };
  return {
    ...head(name),
    spec: {
      resourceRef: { apiGroup: "v1", kind: "Pod" },
      selector: { matchExpressions: [notDeleted, ...selector] },
      ...(delay === undefined ? {} : { delay }),
      steps: deletes ? [patch, { delete: true }] : [patch],
    },
  };
}

/** What is to be deleted goes at once. */
const removal = (kind: "Pod" | "Node") => ({
  ...head(`${kind.toLowerCase()}-delete`),
  spec: {
    resourceRef: { apiGroup: "v1", kind },
    selector: { matchExpressions: [{ key: ".metadata.deletionTimestamp", operator: "Exists" }] },
    steps: [{ delete: true }],
  },
});

const notDeleted: Expression = { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" };
const pending: Expression = { key: ".status.phase", operator: "In", values: ["Pending"] };
const isRunning: Expression = { key: ".status.phase", operator: "In", values: ["Running"] };
const noContainers: Expression = { key: ".status.containerStatuses", operator: "DoesNotExist" };
const someContainers: Expression = { key: ".status.containerStatuses", operator: "Exists" };
const annotation = (name: string) => `.metadata.annotations["${name}"]`;
const has = (name: string): Expression => ({ key: annotation(name), operator: "Exists" });
const lacks = (name: string): Expression => ({ key: annotation(name), operator: "DoesNotExist" });

const after = (name: string, otherwiseMs: number) => ({
  durationMilliseconds: otherwiseMs,
  durationFrom: { expressionFrom: annotation(name) },
});

const condition = (type: string, status: "True" | "False", more = "") =>
  `- { type: ${type}, status: "${status}", lastTransitionTime: {{ Now | Quote }}${more} }`;

const eachContainer = (state: string, ready: boolean) => `containerStatuses:
{{ range $index, $item := .spec.containers }}
- name: {{ $item.name | Quote }}
  image: {{ $item.image | Quote }}
  imageID: ""
  restartCount: 0
  ready: ${ready}
  started: ${ready}
  state:
    ${state}
{{ end }}`;

const waiting = (reason: string, message: string) => `{{ $now := Now }}
phase: Pending
startTime: {{ $now | Quote }}
conditions:
${condition("Initialized", "True")}
${condition("Ready", "False", ", reason: ContainersNotReady")}
${condition("ContainersReady", "False", ", reason: ContainersNotReady")}
${eachContainer(`waiting: { reason: ${reason}, message: ${message} }`, false)}`;

const running = `{{ $now := Now }}
phase: Running
startTime: {{ or .status.startTime $now | Quote }}
conditions:
${condition("Initialized", "True")}
${condition("Ready", "True")}
${condition("ContainersReady", "True")}
${eachContainer("running: { startedAt: {{ $now | Quote }} }", true)}`;

const ended = `{{ $now := Now }}
{{ $root := . }}
{{ $fate := or .metadata.annotations dict }}
{{ $code := or (index $fate "${fate.exitCode}") "0" }}
{{ $reason := "Completed" }}
{{ if ne $code "0" }}{{ $reason = "Error" }}{{ end }}
{{ if eq (or (index $fate "${fate.outOfMemory}") "") "true" }}{{ $code = "137" }}{{ $reason = "OOMKilled" }}{{ end }}
phase: {{ if eq $code "0" }}Succeeded{{ else }}Failed{{ end }}
conditions:
${condition("Initialized", "True")}
${condition("Ready", "False", ", reason: PodCompleted")}
${condition("ContainersReady", "False", ", reason: PodCompleted")}
${eachContainer(
  `terminated:
      exitCode: {{ $code }}
      reason: {{ $reason }}
      startedAt: {{ (index $root.status.containerStatuses $index).state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}`,
  false,
)}`;

/** As kube-controller-manager's pod collector leaves it. */
const nodeLost = `{{ $now := Now }}
phase: Failed
conditions:
${condition("DisruptionTarget", "True", ', reason: DeletionByPodGC, message: "PodGC: node no longer exists"')}
${condition("Ready", "False")}
${condition("ContainersReady", "False")}`;
