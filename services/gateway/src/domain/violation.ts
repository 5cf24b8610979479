/** One refused field of a request: what would be right and what was found. */
export interface Violation {
  /** Path in the request, proto names: `job.recipes[1]`. */
  readonly field: string;
  /** Stable, UPPER_SNAKE. */
  readonly reason: string;
  readonly description: string;
}
