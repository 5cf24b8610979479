import { randomUUID } from "node:crypto";
import { refuse } from "./refusal.ts";

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: Metadata;
  [field: string]: unknown;
}

interface Metadata {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { uid: string; kind: string; name: string; blockOwnerDeletion?: boolean }[];
}

export interface StoreEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly collection: string;
  readonly version: number;
  readonly object: KubeObject;
}

export interface DeleteRequest {
  readonly preconditions?: { readonly uid?: string };
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
}

const FOREGROUND = "foregroundDeletion";

/** Objects with the rules of the real server: one counter of versions, optimistic locks, finalizers, graceful deletion of pods, a history that can be compacted. */
export class ObjectStore {
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #history: StoreEvent[] = [];
  #version = 1_000;
  #compactedTo = 0;

  get version(): number {
    return this.#version;
  }

  get compactedTo(): number {
    return this.#compactedTo;
  }

  onEvent(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Everything that happened after `version`. */
  since(version: number): readonly StoreEvent[] {
    return this.#history.filter((event) => event.version > version);
  }

  compact(): void {
    this.#history = [];
    this.#compactedTo = this.#version;
  }

  list(collection: string): readonly KubeObject[] {
    const prefix = `${collection}/`;
    const found = [...this.#objects].filter(
      ([key]) => key.startsWith(prefix) && !key.slice(prefix.length).includes("/"),
    );
    return found.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => structuredClone(object));
  }

  find(key: string): KubeObject | undefined {
    const object = this.#objects.get(key);
    return object && structuredClone(object);
  }

  get(key: string): KubeObject {
    return this.find(key) ?? refuse(404, "NotFound", `${key} not found`);
  }

  create(collection: string, sent: KubeObject): KubeObject {
    const key = `${collection}/${sent.metadata.name}`;
    if (this.#objects.has(key)) refuse(409, "AlreadyExists", `${key} already exists`);
    const metadata = {
      ...sent.metadata,
      uid: randomUUID(),
      resourceVersion: "",
      creationTimestamp: new Date().toISOString(),
    };
    return this.#save("ADDED", key, { ...sent, metadata });
  }

  /** `part`: a write to the object leaves its status alone, one to the status leaves the rest. */
  update(key: string, sent: KubeObject, part: "object" | "status"): KubeObject {
    const found = this.get(key);
    const { resourceVersion, uid } = sent.metadata;
    if (uid && uid !== found.metadata.uid) refuse(409, "Conflict", `${key}: the uid is another one`);
    if (resourceVersion && resourceVersion !== found.metadata.resourceVersion)
      refuse(409, "Conflict", `${key} has been modified`);
    const next: KubeObject =
      part === "status"
        ? { ...found, status: sent["status"] }
        : { ...sent, ...(found["status"] !== undefined && { status: found["status"] }) };
    const { uid: ownUid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = found.metadata;
    next.metadata = {
      ...(part === "status" ? found.metadata : sent.metadata),
      uid: ownUid,
      creationTimestamp,
      ...(deletionTimestamp && { deletionTimestamp }),
      ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
    };
    if (JSON.stringify(next) === JSON.stringify(found)) return found;
    return isDone(next) ? this.#remove(key, next) : this.#save("MODIFIED", key, next);
  }

  delete(
    key: string,
    { preconditions, gracePeriodSeconds, propagationPolicy }: DeleteRequest = {},
  ): KubeObject {
    const found = this.get(key);
    if (preconditions?.uid && preconditions.uid !== found.metadata.uid)
      refuse(409, "Conflict", `${key}: the uid is another one`);
    const finalizers = found.metadata.finalizers ?? [];
    if (propagationPolicy === "Foreground" && !finalizers.includes(FOREGROUND)) finalizers.push(FOREGROUND);
    const grace = graceOf(found, gracePeriodSeconds);
    if (found.metadata.deletionTimestamp && grace > 0) return found;
    found.metadata = {
      ...found.metadata,
      ...(finalizers.length > 0 && { finalizers }),
      deletionTimestamp:
        found.metadata.deletionTimestamp ?? new Date(Date.now() + grace * 1000).toISOString(),
      deletionGracePeriodSeconds: grace,
    };
    return isDone(found) ? this.#remove(key, found) : this.#save("MODIFIED", key, found);
  }

  #remove(key: string, object: KubeObject): KubeObject {
    this.#objects.delete(key);
    return this.#tell("DELETED", key, object);
  }

  #save(type: "ADDED" | "MODIFIED", key: string, object: KubeObject): KubeObject {
    const told = this.#tell(type, key, object);
    this.#objects.set(key, told);
    return structuredClone(told);
  }

  #tell(type: StoreEvent["type"], key: string, object: KubeObject): KubeObject {
    const version = ++this.#version;
    const told = structuredClone(object);
    told.metadata.resourceVersion = String(version);
    const event = { type, collection: key.slice(0, key.lastIndexOf("/")), version, object: told };
    this.#history.push(event);
    for (const listener of this.#listeners) listener(event);
    return told;
  }
}

function isDone({ metadata }: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && deletionGracePeriodSeconds === 0;
}

/** Only a pod that has a node is given time. */
function graceOf(object: KubeObject, asked: number | undefined): number {
  const spec = object["spec"] as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  if (object.kind !== "Pod" || !spec?.nodeName) return 0;
  return asked ?? spec.terminationGracePeriodSeconds ?? 30;
}
