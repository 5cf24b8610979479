/** Holds back placements of a hardware class while too many of its pods have yet to run, until half of them do. */
export class Backpressure {
  readonly #highWater: number;
  readonly #paused = new Set<string>();

  constructor(highWater: number) {
    this.#highWater = highWater;
  }

  isPaused(hardwareClass: string, pending: number): boolean {
    if (pending >= this.#highWater) this.#paused.add(hardwareClass);
    else if (pending <= this.#highWater / 2) this.#paused.delete(hardwareClass);
    return this.#paused.has(hardwareClass);
  }
}
