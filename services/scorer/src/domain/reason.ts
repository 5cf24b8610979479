/** Why something ended without a result: a code for programs, a sentence for people. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  /** True when the customer's input is the cause, false when the platform or a contestant is. */
  readonly isCustomerError: boolean;
}
