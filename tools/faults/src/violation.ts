/** A promise that does not hold, and by what it shows. */
export interface Violation {
  readonly promise: string;
  readonly detail: string;
}
