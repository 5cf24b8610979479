import { type Clock, systemClock } from "@gradients/kernel";
import { backoffDelays, type Logger, meter } from "@gradients/runtime";
import { errorOfStatus, isKube, KubeError, type KubeStatus } from "./errors.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import { createAudit, isNewer, type Listing, type ReflectorAudit, type Slim } from "./reflector-audit.ts";
import type { KubeTransport } from "./transport.ts";

export interface ReflectorOptions<T, S extends Slim> {
  /** For figures and logs, e.g. `jobs`. */
  readonly name: string;
  /** Path of the collection. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What is kept of an object. */
  readonly slim: (object: T) => S;
  readonly onChange: (change: Change<S>) => void;
  readonly transport: KubeTransport;
  readonly limiter: RateLimiter;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly times?: Partial<ReflectorTimes>;
}

export interface ReflectorTimes {
  /** Silence, bookmarks included, after which a watch counts as dead. */
  readonly idleMs: number;
  /** What a watch lasts at most; the server ends it then, and it goes on. */
  readonly watchSeconds: number;
  /** Between two full lists that are compared with what the watch has told. */
  readonly auditMs: number;
  readonly maxBackoffMs: number;
}

export interface Change<S> {
  readonly kind: "put" | "deleted";
  readonly object: S;
  /** What was kept of it until then. */
  readonly before: S | undefined;
}

const TIMES: ReflectorTimes = { idleMs: 90_000, watchSeconds: 240, auditMs: 600_000, maxBackoffMs: 10_000 };
const PAGE = "500";
const LIST_TIMEOUT_MS = 30_000;
/** A server that ends a watch before that is in trouble: it is not asked again at once. */
const SHORTEST_WATCH_MS = 1_000;

const misses = meter("@gradients/kube").createCounter("gradients.kube.cache.misses", {
  unit: "{object}",
  description: "Objects of which a full list knew what the watch had not told, by kind.",
});
const lists = meter("@gradients/kube").createCounter("gradients.kube.lists", {
  unit: "{list}",
  description: "Full lists, by kind and reason.",
});

/** Keeps a slim copy of a collection, for as long as it runs, whatever happens to server and connections. */
export class Reflector<T extends object, S extends Slim> {
  readonly #options: ReflectorOptions<T, S>;
  readonly #times: ReflectorTimes;
  readonly #clock: Clock;
  readonly #objects = new Map<string, S>();
  readonly #synced = Promise.withResolvers<void>();
  /** Position in the history up to which everything is known; undefined before the first list and after it was lost. */
  #position: string | undefined;
  #audit: ReflectorAudit<S> | undefined;
  /** Names that left since the last audit began. */
  readonly #deleted = new Set<string>();
  #auditDueAt = 0;

  constructor(options: ReflectorOptions<T, S>) {
    this.#options = options;
    this.#times = { ...TIMES, ...options.times };
    this.#clock = options.clock ?? systemClock;
  }

  /** Resolves once everything has been listed; a later loss of contact does not undo it. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get(name: string): S | undefined {
    return this.#objects.get(name);
  }

  values(): IterableIterator<S> {
    return this.#objects.values();
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const newDelays = () => backoffDelays({ initialMs: 200, maxMs: this.#times.maxBackoffMs });
    let delays = newDelays();
    while (!signal.aborted) {
      try {
        if (this.#position === undefined) await this.#relist(signal);
        await this.#watch(signal, () => {
          delays = newDelays();
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isKube(error, "gone")) this.#position = undefined;
        const { value: delayMs } = delays.next();
        const waitMs = (error instanceof KubeError && error.retryAfterMs) || delayMs;
        this.#options.logger.debug(
          { what: this.#options.name, delay_ms: waitMs, err: error },
          "watch broken",
        );
        await this.#clock.sleep(waitMs, signal).catch(() => undefined);
      }
    }
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { position, objects } = await this.#list("relist", signal);
    for (const [name, known] of this.#objects) if (!objects.has(name)) this.#forget(known);
    for (const object of objects.values()) this.#put(object);
    this.#position = position;
    this.#audit = undefined;
    this.#auditDueAt = this.#clock.elapsedMs() + this.#times.auditMs;
    this.#synced.resolve();
  }

  async #list(reason: string, signal: AbortSignal): Promise<Listing<S>> {
    const objects = new Map<string, S>();
    let next = "";
    for (;;) {
      const query = { ...this.#selectors(), limit: PAGE, ...(next && { continue: next }) };
      await this.#options.limiter.take("urgent", signal);
      const page = await this.#options.transport.call<Page<T>>({
        method: "GET",
        path: this.#options.path,
        query,
        timeoutMs: LIST_TIMEOUT_MS,
        signal,
      });
      for (const item of page.items) {
        const object = this.#options.slim(item);
        objects.set(object.name, object);
      }
      next = page.metadata.continue ?? "";
      if (next !== "") continue;
      lists.add(1, { kind: this.#options.name, reason });
      return { position: page.metadata.resourceVersion, objects };
    }
  }

  async #watch(signal: AbortSignal, onLife: () => void): Promise<void> {
    const seconds = Math.round(this.#times.watchSeconds * (1 + Math.random() / 4));
    const query = {
      ...this.#selectors(),
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#position ?? "",
      timeoutSeconds: String(seconds),
    };
    const { transport, path } = this.#options;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const auditing = this.#keepAuditing(either);
    const startedAt = this.#clock.elapsedMs();
    try {
      for await (const line of transport.lines({ method: "GET", path, query, signal }, this.#times.idleMs)) {
        if (line.trim() === "") continue;
        this.#apply(parse<T>(path, line));
        onLife();
      }
      if (this.#clock.elapsedMs() - startedAt < SHORTEST_WATCH_MS)
        throw new KubeError("unreachable", `watch ${path}: ended as soon as it began`);
    } finally {
      ended.abort();
      await auditing;
    }
  }

  #apply({ type, object }: WatchEvent<T>): void {
    if (type === "ERROR") throw errorOfStatus(`watch ${this.#options.path}`, object as KubeStatus);
    if (type !== "BOOKMARK") {
      const slim = this.#options.slim(object as T);
      const known = this.#objects.get(slim.name);
      if (known && isNewer(known.version, slim.version)) return; // told once more after a reconnect
      if (type === "DELETED") this.#forget(slim);
      else this.#put(slim);
    }
    const { metadata } = object as { readonly metadata: { readonly resourceVersion: string } };
    this.#position = metadata.resourceVersion;
    if (this.#audit?.isPassedBy(this.#position)) this.#finishAudit(this.#audit);
  }

  #put(object: S): void {
    const known = this.#objects.get(object.name);
    if (known?.version === object.version) return;
    this.#objects.set(object.name, object);
    this.#options.onChange({ kind: "put", object, before: known });
  }

  #forget(object: S): void {
    this.#deleted.add(object.name);
    const before = this.#objects.get(object.name);
    if (this.#objects.delete(object.name)) this.#options.onChange({ kind: "deleted", object, before });
  }

  /** Lists beside the running watch; what it should have told by then is compared once it has come as far as the list. */
  async #keepAuditing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const now = this.#clock.elapsedMs();
        await this.#clock.sleep(Math.max(0, this.#auditDueAt - now), signal);
        this.#auditDueAt = this.#clock.elapsedMs() + this.#times.auditMs;
        this.#deleted.clear();
        this.#audit = createAudit(await this.#list("audit", signal), this.#deleted);
        if (this.#position !== undefined && this.#audit.isPassedBy(this.#position))
          this.#finishAudit(this.#audit);
      } catch (error) {
        if (!signal.aborted) this.#options.logger.debug({ err: error }, "full list failed, next time again");
      }
    }
  }

  #finishAudit(audit: ReflectorAudit<S>): void {
    this.#audit = undefined;
    const { missed, left } = audit.compare(this.#objects);
    for (const object of missed) this.#put(object);
    for (const object of left) this.#forget(object);
    const count = missed.length + left.length;
    if (count === 0) return;
    misses.add(count, { kind: this.#options.name });
    this.#options.logger.warn({ what: this.#options.name, count }, "a watch had missed changes");
  }

  #selectors(): Record<string, string> {
    const { labelSelector, fieldSelector } = this.#options;
    return { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) };
  }
}

function parse<T>(path: string, line: string): WatchEvent<T> {
  try {
    return JSON.parse(line) as WatchEvent<T>;
  } catch (cause) {
    throw new KubeError("unreachable", `watch ${path}: a line that is no event`, { cause });
  }
}

interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T | KubeStatus;
}

interface Page<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}
