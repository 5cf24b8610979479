import type {
  CoreV1Event,
  V1Job,
  V1Lease,
  V1Namespace,
  V1Node,
  V1Pod,
  V1ResourceQuota,
  V1Secret,
  V1SelfSubjectAccessReview,
  V1ServiceAccount,
} from "@kubernetes/client-node";

/** A kind of object and where it lives. */
export interface Resource<T> {
  /** `v1`, `batch/v1`, ... */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only there for the type. */
  readonly object?: T;
}

/** A model as JSON carries it: times are text. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? Wire<E>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

export type Job = Wire<V1Job>;
export type Pod = Wire<V1Pod>;
export type Secret = Wire<V1Secret>;
export type Lease = Wire<V1Lease>;
export type KubeEvent = Wire<CoreV1Event>;
export type Node = Wire<V1Node>;
export type AccessReview = Wire<V1SelfSubjectAccessReview>;

export const jobs: Resource<Job> = of("batch/v1", "Job", "jobs");
export const pods: Resource<Pod> = of("v1", "Pod", "pods");
export const secrets: Resource<Secret> = of("v1", "Secret", "secrets");
export const events: Resource<KubeEvent> = of("v1", "Event", "events");
export const leases: Resource<Lease> = of("coordination.k8s.io/v1", "Lease", "leases");
export const serviceAccounts: Resource<Wire<V1ServiceAccount>> = of(
  "v1",
  "ServiceAccount",
  "serviceaccounts",
);
export const resourceQuotas: Resource<Wire<V1ResourceQuota>> = of("v1", "ResourceQuota", "resourcequotas");
export const nodes: Resource<Node> = of("v1", "Node", "nodes", false);
export const namespaces: Resource<Wire<V1Namespace>> = of("v1", "Namespace", "namespaces", false);
export const accessReviews: Resource<AccessReview> = of(
  "authorization.k8s.io/v1",
  "SelfSubjectAccessReview",
  "selfsubjectaccessreviews",
  false,
);

function of<T>(apiVersion: string, kind: string, plural: string, namespaced = true): Resource<T> {
  return { apiVersion, kind, plural, namespaced };
}

/** Path of the collection, or of one object in it. */
export function pathOf(resource: Resource<unknown>, namespace: string, name?: string): string {
  const root = resource.apiVersion.includes("/") ? "/apis" : "/api";
  const scope = resource.namespaced ? `/namespaces/${namespace}` : "";
  const collection = `${root}/${resource.apiVersion}${scope}/${resource.plural}`;
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}
