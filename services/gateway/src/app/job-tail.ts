import type { WatchJobResponse } from "@gradients/contracts/gateway";
import type { Clock } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";

/** Entries that are kept for watchers who are a little behind. */
const MAX_KEPT = 500;

/** The newest entries of one job's log, read once for all its watchers. Kept entries are gapless and end with the last one read. */
export class JobTail {
  watchers = 0;
  readonly #read: (after: bigint) => Promise<readonly WatchJobResponse[]>;
  readonly #logger: Logger;
  #kept: readonly WatchJobResponse[] = [];
  /** Offset of the last entry read; undefined until the first watcher has come to the end of the log. */
  #last: bigint | undefined;
  /** Offset that the log is known to have reached. */
  #known = 0n;
  #isReading = false;
  #changed = Promise.withResolvers<void>();

  constructor(read: (after: bigint) => Promise<readonly WatchJobResponse[]>, logger: Logger) {
    this.#read = read;
    this.#logger = logger;
  }

  /** A watcher has read the log up to here and found no more: reading goes on from here unless it is further already. */
  startAt(offset: bigint): void {
    this.#last ??= offset;
    void this.#readOn();
  }

  /** The log has grown to this offset. */
  advance(offset: bigint): void {
    if (offset > this.#known) this.#known = offset;
    void this.#readOn();
  }

  /** Kept entries after an offset; undefined when some of them are no longer, or not yet, kept. */
  after(offset: bigint): readonly WatchJobResponse[] | undefined {
    if (this.#last === undefined || offset < this.#last - BigInt(this.#kept.length)) return undefined;
    return this.#kept.filter((event) => event.offset > offset);
  }

  /** True once there is an entry after `offset`, false when there is none for that long. */
  async changed(offset: bigint, timeoutMs: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
    const timeout = new AbortController();
    const stop = AbortSignal.any([signal, timeout.signal]);
    const late = clock.sleep(timeoutMs, stop).then(
      () => "late" as const,
      () => "stopped" as const,
    );
    try {
      while (this.#last === undefined || this.#last <= offset) {
        const outcome = await Promise.race([this.#changed.promise, late]);
        signal.throwIfAborted();
        if (outcome === "late") return false;
      }
      return true;
    } finally {
      timeout.abort();
    }
  }

  async #readOn(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#last !== undefined && this.#last < this.#known) this.#keep(await this.#read(this.#last));
    } catch (err) {
      this.#logger.warn({ err }, "job events could not be read"); // the next notification or poll tries again
    } finally {
      this.#isReading = false;
    }
  }

  #keep(events: readonly WatchJobResponse[]): void {
    const newest = events.at(-1);
    if (!newest) throw new Error("The job's log is shorter than its offset says");
    this.#kept = [...this.#kept, ...events].slice(-MAX_KEPT);
    this.#last = newest.offset;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
