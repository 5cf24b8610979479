/** The states that a customer may see, with those that may be seen next. Skipping is legal: a client sees some states only. */
export const nextStates: Readonly<Record<string, readonly string[]>> = {
  ACCEPTED: ["QUEUED", "RACING", "EVALUATING", "SUCCEEDED", "FAILED", "CANCELLED"],
  QUEUED: ["RACING", "EVALUATING", "SUCCEEDED", "FAILED", "CANCELLED"],
  RACING: ["EVALUATING", "SUCCEEDED", "FAILED", "CANCELLED"],
  EVALUATING: ["SUCCEEDED", "FAILED", "CANCELLED"],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: ["SUCCEEDED"], // a verdict that crossed with the cancelling wins
};

export function isEnd(state: string): boolean {
  return state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED";
}
