import { randomBytes } from "node:crypto";
import type { KubeObject, ObjectStore, StoreEvent } from "./store.ts";

const TRACKING = "batch.kubernetes.io/job-tracking";
const FOREGROUND = "foregroundDeletion";

export interface PodTemplate {
  readonly metadata?: { readonly labels?: Record<string, string> };
  readonly spec: object;
}

type RefusalOf = (template: PodTemplate) => string | undefined;

interface JobSpec {
  readonly suspend?: boolean;
  readonly activeDeadlineSeconds?: number;
  readonly template: PodTemplate;
}

interface JobStatus {
  readonly startTime?: string;
  readonly conditions?: readonly { readonly type: string }[];
}

/** What the controller manager does with Jobs of one pod that are never tried again, and with what owners leave behind. */
export function runControllers(store: ObjectStore, refusalOf: RefusalOf): () => void {
  const timers = new Set<NodeJS.Timeout>();
  const forget = store.onEvent((event) => setImmediate(() => react(store, event, refusalOf, timers)));
  return () => {
    forget();
    for (const timer of timers) clearTimeout(timer);
  };
}

function react(
  store: ObjectStore,
  { type, collection, object }: StoreEvent,
  refusalOf: RefusalOf,
  timers: Set<NodeJS.Timeout>,
): void {
  const key = `${collection}/${object.metadata.name}`;
  if (type === "DELETED") collectDependents(store, object);
  if (object.kind === "Job" && type !== "DELETED") syncJob(store, key, refusalOf, timers);
  if (object.kind === "Pod") syncOwner(store, object, timers, refusalOf);
}

function syncOwner(
  store: ObjectStore,
  pod: KubeObject,
  timers: Set<NodeJS.Timeout>,
  refusalOf: RefusalOf,
): void {
  const owner = pod.metadata.ownerReferences?.[0];
  if (!owner) return;
  const key = `/apis/batch/v1/namespaces/${pod.metadata.namespace}/jobs/${owner.name}`;
  const job = store.find(key);
  if (job?.metadata.uid === owner.uid) syncJob(store, key, refusalOf, timers);
  else release(store, pod);
}

function syncJob(store: ObjectStore, key: string, refusalOf: RefusalOf, timers: Set<NodeJS.Timeout>): void {
  const job = store.find(key);
  if (!job) return;
  const spec = job["spec"] as JobSpec;
  const status = (job["status"] ?? {}) as JobStatus;
  const isOver = status.conditions?.some(({ type }) => type === "Failed" || type === "Complete") ?? false;
  const pod = podOf(store, job);
  if (pod && isTerminal(pod)) release(store, pod);
  if (job.metadata.deletionTimestamp) return collect(store, key, job, pod);
  if (isOver) return;
  if (spec.suspend) {
    if (pod && !pod.metadata.deletionTimestamp) store.delete(keyOf(pod));
    if (status.startTime) setStatus(store, key, {});
    return;
  }
  if (pod && isTerminal(pod)) return finish(store, key, status, pod);
  if (!status.startTime) return begin(store, key, spec, timers);
  if (pod) return;
  const hadPod = (status as { hadPod?: boolean }).hadPod;
  if (hadPod) return fail(store, key, status, "BackoffLimitExceeded");
  const refusal = refusalOf(spec.template);
  if (refusal) return tell(store, job, refusal);
  createPod(store, job, spec);
  setStatus(store, key, { ...status, active: 1, hadPod: true });
}

function begin(store: ObjectStore, key: string, spec: JobSpec, timers: Set<NodeJS.Timeout>): void {
  setStatus(store, key, { startTime: new Date().toISOString() });
  if (spec.activeDeadlineSeconds === undefined) return;
  const timer = setTimeout(() => expire(store, key), spec.activeDeadlineSeconds * 1000);
  timers.add(timer);
}

function expire(store: ObjectStore, key: string): void {
  const job = store.find(key);
  const status = (job?.["status"] ?? {}) as JobStatus;
  if (!job || !status.startTime || status.conditions) return;
  const pod = podOf(store, job);
  if (pod) store.delete(keyOf(pod));
  fail(store, key, status, "DeadlineExceeded");
}

function finish(store: ObjectStore, key: string, status: JobStatus, pod: KubeObject): void {
  if ((pod["status"] as { phase?: string }).phase === "Failed")
    return fail(store, key, status, "BackoffLimitExceeded");
  setStatus(store, key, { ...status, conditions: [{ type: "Complete", status: "True" }] });
}

function fail(store: ObjectStore, key: string, status: JobStatus, reason: string): void {
  setStatus(store, key, {
    ...status,
    conditions: [{ type: "Failed", status: "True", reason, message: reason }],
  });
}

function setStatus(store: ObjectStore, key: string, status: object): void {
  const job = store.find(key);
  if (!job) return;
  job.metadata.resourceVersion = "";
  store.update(key, { ...job, status }, "status");
}

function createPod(store: ObjectStore, job: KubeObject, spec: JobSpec): void {
  const { name, namespace = "", uid } = job.metadata;
  const pod: KubeObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...(spec.template.metadata as object),
      name: `${name}-${randomBytes(3).toString("hex").slice(0, 5)}`,
      namespace,
      uid: "",
      resourceVersion: "",
      creationTimestamp: "",
      finalizers: [TRACKING],
      ownerReferences: [{ uid, kind: "Job", name, blockOwnerDeletion: true }],
    },
    spec: structuredClone(spec.template.spec),
    status: { phase: "Pending" },
  };
  store.create(`/api/v1/namespaces/${namespace}/pods`, pod);
}

function tell(store: ObjectStore, job: KubeObject, message: string): void {
  const { name, namespace = "", uid } = job.metadata;
  const collection = `/api/v1/namespaces/${namespace}/events`;
  if (store.find(`${collection}/${name}.quota`)) return;
  store.create(collection, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name}.quota`, namespace, uid: "", resourceVersion: "", creationTimestamp: "" },
    involvedObject: { kind: "Job", name, namespace, uid },
    reason: "FailedCreate",
    type: "Warning",
    message,
  });
}

function podOf(store: ObjectStore, job: KubeObject): KubeObject | undefined {
  return store
    .list(`/api/v1/namespaces/${job.metadata.namespace}/pods`)
    .find(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid));
}

function isTerminal(pod: KubeObject): boolean {
  const { phase } = (pod["status"] ?? {}) as { phase?: string };
  return phase === "Succeeded" || phase === "Failed";
}

function keyOf({ metadata }: KubeObject): string {
  return `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
}

/** The pod has been counted, or its Job leaves. */
function release(store: ObjectStore, pod: KubeObject): void {
  dropFinalizer(store, keyOf(pod), TRACKING);
}

function collect(store: ObjectStore, key: string, job: KubeObject, pod: KubeObject | undefined): void {
  if (pod) release(store, pod);
  if (!job.metadata.finalizers?.includes(FOREGROUND)) return;
  if (!pod) return dropFinalizer(store, key, FOREGROUND);
  if (!pod.metadata.deletionTimestamp) store.delete(keyOf(pod));
}

function collectDependents(store: ObjectStore, owner: KubeObject): void {
  for (const plural of ["pods", "secrets"]) {
    const collection = `/api/v1/namespaces/${owner.metadata.namespace}/${plural}`;
    for (const { metadata } of store.list(collection)) {
      if (!metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid)) continue;
      const key = `${collection}/${metadata.name}`;
      dropFinalizer(store, key, TRACKING);
      if (store.find(key)) store.delete(key);
    }
  }
}

function dropFinalizer(store: ObjectStore, key: string, finalizer: string): void {
  const object = store.find(key);
  if (!object?.metadata.finalizers?.includes(finalizer)) return;
  object.metadata.finalizers = object.metadata.finalizers.filter((one) => one !== finalizer);
  object.metadata.resourceVersion = "";
  store.update(key, object, "object");
}
