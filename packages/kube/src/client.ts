import { isKube } from "./errors.ts";
import type { Lane, RateLimiter } from "./rate-limiter.ts";
import { pathOf, pods, type Resource } from "./resources.ts";
import type { KubeRequest, KubeTransport } from "./transport.ts";

export interface DeleteOptions {
  /** Refused as `conflict` when the object of that name is another one. */
  readonly uid?: string | undefined;
  readonly graceSeconds?: number;
  readonly propagation?: "Foreground" | "Background" | "Orphan";
}

/** Refuses a write that may no longer be made: one of a replica that does not lead any more. Throws. */
export type WriteGate = () => void;

const PAUSE_MS = 1_000;

/** Objects of one namespace, at no more calls a second than agreed. Every method throws KubeError. */
export class KubeClient {
  readonly namespace: string;
  readonly transport: KubeTransport;
  readonly #limiter: RateLimiter;
  readonly #gate: WriteGate;

  constructor(
    transport: KubeTransport,
    namespace: string,
    limiter: RateLimiter,
    gate: WriteGate = () => undefined,
  ) {
    this.transport = transport;
    this.namespace = namespace;
    this.#limiter = limiter;
    this.#gate = gate;
  }

  get<T>(resource: Resource<T>, name: string, signal?: AbortSignal): Promise<T> {
    return this.#call("urgent", { method: "GET", path: pathOf(resource, this.namespace, name), signal });
  }

  /** The last lines of a container's log, as the kubelet still has them. */
  async logTail(pod: string, { container, lines, timeoutMs }: LogTail): Promise<string> {
    await this.#limiter.take("urgent");
    const path = `${pathOf(pods, this.namespace, pod)}/log`;
    const query = { container, tailLines: String(lines) };
    return this.transport.text({ method: "GET", path, query, timeoutMs });
  }

  /** `normal` in the queue for calls: everything else goes before it. */
  create<T>(resource: Resource<T>, object: Partial<T>, signal?: AbortSignal): Promise<T> {
    const { apiVersion, kind } = resource;
    const body = { apiVersion, kind, ...object };
    return this.#call("normal", { method: "POST", path: pathOf(resource, this.namespace), body, signal });
  }

  replace<T>(resource: Resource<T>, name: string, body: T, signal?: AbortSignal): Promise<T> {
    const path = pathOf(resource, this.namespace, name);
    return this.#call("urgent", { method: "PUT", path, body, signal });
  }

  /** A JSON merge patch; with a `resourceVersion` or `uid` in it, refused as `conflict` when they are others by now. */
  patch<T>(
    resource: Resource<T>,
    name: string,
    body: object,
    { lane = "urgent", subresource = "", signal }: PatchOptions = {},
  ): Promise<T> {
    const path = pathOf(resource, this.namespace, name) + (subresource && `/${subresource}`);
    const contentType = "application/merge-patch+json";
    return this.#call(lane, { method: "PATCH", path, body, contentType, signal });
  }

  /** Gone already counts as deleted. */
  async delete(
    resource: Resource<unknown>,
    name: string,
    { uid, graceSeconds, propagation }: DeleteOptions = {},
    signal?: AbortSignal,
  ): Promise<void> {
    const body = {
      kind: "DeleteOptions",
      apiVersion: "v1",
      ...(uid !== undefined && { preconditions: { uid } }),
      ...(graceSeconds !== undefined && { gracePeriodSeconds: graceSeconds }),
      ...(propagation && { propagationPolicy: propagation }),
    };
    const path = pathOf(resource, this.namespace, name);
    try {
      await this.#call("urgent", { method: "DELETE", path, body, signal });
    } catch (error) {
      if (!isKube(error, "not_found")) throw error;
    }
  }

  async #call<T>(lane: Lane, request: KubeRequest): Promise<T> {
    await this.#limiter.take(lane, request.signal);
    if (request.method !== "GET") this.#gate();
    try {
      return await this.transport.call<T>(request);
    } catch (error) {
      if (isKube(error, "too_many_requests")) this.#limiter.pause(error.retryAfterMs ?? PAUSE_MS);
      throw error;
    }
  }
}

interface LogTail {
  readonly container: string;
  readonly lines: number;
  readonly timeoutMs: number;
}

interface PatchOptions {
  readonly lane?: Lane;
  readonly subresource?: string;
  readonly signal?: AbortSignal | undefined;
}
