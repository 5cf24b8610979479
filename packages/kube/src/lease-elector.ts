import { type Clock, systemClock } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import type { KubeClient } from "./client.ts";
import { isKube } from "./errors.ts";
import { type Lease, leases } from "./resources.ts";

export interface LeaseElectorOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Name of the Lease. */
  readonly name: string;
  /** Of this replica, unlike that of any other. */
  readonly identity: string;
  readonly times?: LeaseTimes;
}

export interface LeaseTimes {
  /** A lease that was not renewed for that long may be taken. */
  readonly leaseMs: number;
  /** A holder that could not renew for that long stops, well before anyone may take over. */
  readonly renewMs: number;
  /** Between two tries. */
  readonly retryMs: number;
}

const TIMES: LeaseTimes = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

/**
 * Leadership by a Lease object, renewed by compare-and-set on its resourceVersion. How old another's lease is, is measured on our own clock from when we
 * saw it last change, so clocks may differ. `term` grows with every change of leaders and serves as a fence.
 */
export class LeaseElector {
  readonly #options: LeaseElectorOptions;
  readonly #clock: Clock;
  readonly #times: LeaseTimes;
  /** What another holder last wrote, and when we saw it. */
  #seen: { readonly version: string; readonly at: number } | undefined;
  #heldUntil = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseElectorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#times = options.times ?? TIMES;
  }

  /** False from the moment on that another replica may soon lead, even when nothing has told us yet: after a pause of this process, for example. */
  get isLeading(): boolean {
    return this.#now() < this.#heldUntil;
  }

  /**
   * Waits for leadership, then runs `fn` with a signal that ends with it. `leastTerm` tells a term that ours must exceed. Resolves when the outer signal
   * aborts, or when leadership is lost after `fn` has ended.
   */
  async lead(
    signal: AbortSignal,
    leastTerm: () => Promise<bigint>,
    fn: (held: AbortSignal, term: bigint) => Promise<void>,
  ): Promise<void> {
    const lease = await this.#acquire(signal, leastTerm);
    if (!lease) return;
    const over = new AbortController();
    const held = AbortSignal.any([signal, over.signal]);
    const term = termOf(lease);
    this.#options.logger.info({ lease: this.#options.name, term: String(term) }, "leading");
    const renewing = this.#keepRenewing(lease, held).then((last) => {
      over.abort(new Error(`The lease ${this.#options.name} is lost`));
      return last;
    });
    try {
      await fn(held, term);
    } finally {
      over.abort(new Error("leadership is given up"));
      const last = await renewing;
      this.#heldUntil = Number.NEGATIVE_INFINITY;
      if (last) await this.#release(last);
    }
  }

  async #acquire(signal: AbortSignal, leastTerm: () => Promise<bigint>): Promise<Lease | undefined> {
    while (!signal.aborted) {
      try {
        const lease = await this.#tryToTake(await leastTerm(), signal);
        if (lease) return lease;
      } catch (error) {
        if (!signal.aborted) this.#options.logger.debug({ err: error }, "lease not taken, trying again");
      }
      await this.#clock
        .sleep(this.#times.retryMs * (0.8 + Math.random() * 0.4), signal)
        .catch(() => undefined);
    }
    return undefined;
  }

  async #tryToTake(leastTerm: bigint, signal: AbortSignal): Promise<Lease | undefined> {
    const askedAt = this.#now();
    const found = await this.#find(signal);
    if (found && !this.#isFree(found)) return undefined;
    const before = found ? termOf(found) : 0n;
    const term = (before > leastTerm ? before : leastTerm) + 1n;
    const spec = { ...this.#spec(), acquireTime: this.#time(), leaseTransitions: Number(term) };
    const lease = await this.#write(found, spec, signal);
    if (lease) this.#heldUntil = askedAt + this.#times.renewMs;
    return lease;
  }

  /** Free: given up, expired as we have seen it, or ours from an earlier life of the same identity. */
  #isFree({ metadata, spec }: Lease): boolean {
    if (!spec?.holderIdentity || spec.holderIdentity === this.#options.identity) return true;
    const version = metadata?.resourceVersion ?? "";
    if (this.#seen?.version !== version) this.#seen = { version, at: this.#now() };
    const lasts = (spec.leaseDurationSeconds ?? this.#times.leaseMs / 1000) * 1000;
    return this.#now() - this.#seen.at >= lasts;
  }

  /** The lease as last written, for as long as it could be renewed; undefined when another has it. */
  async #keepRenewing(lease: Lease, signal: AbortSignal): Promise<Lease | undefined> {
    let current = lease;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#times.retryMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      const askedAt = this.#now();
      if (askedAt >= this.#heldUntil) return undefined;
      try {
        const limit = AbortSignal.timeout(Math.min(this.#times.renewMs / 2, this.#heldUntil - askedAt));
        const renewed = await this.#write(current, { ...current.spec, ...this.#spec() }, limit);
        if (!renewed) return undefined;
        current = renewed;
        this.#heldUntil = askedAt + this.#times.renewMs;
      } catch (error) {
        if (!signal.aborted) this.#options.logger.warn({ err: error }, "lease not renewed, trying again");
      }
    }
    return current;
  }

  /** Compare and set. Undefined when somebody else was first. After a write of ours whose answer was lost, once more on top of it. */
  async #write(
    found: Lease | undefined,
    spec: NonNullable<Lease["spec"]>,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { client, name } = this.#options;
    try {
      if (!found) return await client.create(leases, { metadata: { name }, spec }, signal);
      return await client.replace(leases, name, { ...found, spec }, signal);
    } catch (error) {
      if (!isKube(error, "conflict", "already_exists", "not_found")) throw error;
      const now = await this.#find(signal);
      const isOurs =
        now?.spec?.holderIdentity === this.#options.identity &&
        now.spec.leaseTransitions === spec.leaseTransitions;
      return isOurs ? this.#write(now, spec, signal) : undefined;
    }
  }

  async #find(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#options.client.get(leases, this.#options.name, signal);
    } catch (error) {
      if (isKube(error, "not_found")) return undefined;
      throw error;
    }
  }

  /** The next replica need not wait until it expires. */
  async #release(lease: Lease): Promise<void> {
    const spec = { ...lease.spec, holderIdentity: "" };
    await this.#write(lease, spec, AbortSignal.timeout(this.#times.retryMs)).catch((error: unknown) =>
      this.#options.logger.debug({ err: error }, "lease not released"),
    );
  }

  #spec() {
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#times.leaseMs / 1000),
      renewTime: this.#time(),
    };
  }

  /** MicroTime; the digits that a Date lacks tell two writes of one millisecond apart. */
  #time(): string {
    const micros = String(Math.floor(Math.random() * 1000)).padStart(3, "0");
    return this.#clock.now().toISOString().replace("Z", `${micros}Z`);
  }

  #now(): number {
    return this.#clock.elapsedMs();
  }
}

function termOf({ spec }: Lease): bigint {
  return BigInt(spec?.leaseTransitions ?? 0);
}
