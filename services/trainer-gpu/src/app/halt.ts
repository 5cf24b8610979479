/** Why the work must end before it is done. */
export type HaltCause =
  /** The platform wants the machine: save and report. */
  | "sigterm"
  /** Nobody wants the work any more. */
  | "stopped"
  /** Another placement has the attempt: touch nothing. */
  | "fenced"
  /** Nobody is there to work for: the relay was away for too long. */
  | "relay_lost"
  | "deadline";

/** Thrown out of every wait once the work must end. */
export class Halted extends Error {
  override readonly name = "Halted";
  readonly halt: HaltCause;

  constructor(halt: HaltCause) {
    super(`halted: ${halt}`);
    this.halt = halt;
  }
}

/** The first cause counts; a later one that leaves no time replaces a request to save. */
export class Halt {
  readonly #controller = new AbortController();
  readonly #now = new AbortController();
  #cause: HaltCause | undefined;

  /** Aborts with any cause. */
  readonly signal = this.#controller.signal;
  /** Aborts with a cause that leaves no time to save. */
  readonly atOnce = this.#now.signal;

  get cause(): HaltCause | undefined {
    return this.#cause;
  }

  request(cause: HaltCause): void {
    if (this.#cause !== undefined && (this.#cause !== "sigterm" || cause === "sigterm")) return;
    this.#cause = cause;
    this.#controller.abort(new Halted(cause));
    if (cause !== "sigterm") this.#now.abort(new Halted(cause));
  }
}

/** Asks an engine to save and end when the halt comes, and forces it after `stopSeconds`, or at once where that is asked for. Returns what ends the watching. */
export function endOnHalt(
  halt: Halt,
  stopSeconds: number,
  { ask, force }: { readonly ask: () => void; readonly force: () => void },
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    if (halt.atOnce.aborted) return force();
    ask();
    timer = setTimeout(force, stopSeconds * 1000);
  };
  if (halt.signal.aborted) end();
  halt.signal.addEventListener("abort", end);
  halt.atOnce.addEventListener("abort", force);
  return () => {
    clearTimeout(timer);
    halt.signal.removeEventListener("abort", end);
    halt.atOnce.removeEventListener("abort", force);
  };
}
