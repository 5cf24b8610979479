/** The calls of a server that have no status yet. */
export class OpenCalls<Call> implements Iterable<Call> {
  readonly #calls = new Set<Call>();
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#calls.size;
  }

  add(call: Call): void {
    this.#calls.add(call);
  }

  delete(call: Call): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Resolves when there is none. */
  empty(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  [Symbol.iterator](): Iterator<Call> {
    return [...this.#calls].values();
  }
}
