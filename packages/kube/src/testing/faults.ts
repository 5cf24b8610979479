/** One kind of call that goes wrong for a while. */
export interface CallFault {
  readonly method?: string;
  /** Part of the path. */
  readonly path?: string;
  readonly times?: number;
  /** refuse: answered with `status`. lose: done, but the connection breaks before the answer. hang: never answered, nothing is done. */
  readonly how: "refuse" | "lose" | "hang";
  readonly status?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly retryAfterSeconds?: number;
}

/** The faults in force. A call meets the first that fits, until its `times` are used up. */
export class CallFaults {
  readonly #faults: (CallFault & { left: number })[] = [];

  add(fault: CallFault): void {
    this.#faults.push({ ...fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#faults.length = 0;
  }

  /** How many are still to come. */
  get left(): number {
    return this.#faults.reduce((sum, { left }) => sum + left, 0);
  }

  take(method: string, path: string): CallFault | undefined {
    const fault = this.#faults.find(
      (one) => one.left > 0 && (one.method ?? method) === method && path.includes(one.path ?? ""),
    );
    if (fault) fault.left--;
    return fault;
  }
}
