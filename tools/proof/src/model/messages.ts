export type Publisher = "gateway" | "scheduler" | "scorer";
export type Consumer = Publisher | "chain";

export const publishers = ["gateway", "scheduler", "scorer"] as const;
export const consumers = ["scheduler", "scorer", "gateway", "chain"] as const;

export interface Message {
  type: MessageType;
  /** Which attempt, by its place. */
  index?: number;
  epoch?: number;
  /** Set when the addressee's inbox holds it. */
  handled?: true;
}

type MessageType = keyof typeof routes;

/** Who hears of what. */
export const routes = {
  JobAccepted: ["scheduler", "scorer"],
  JobCancelled: ["scheduler", "scorer"],
  SplitCommitted: ["scheduler", "gateway"],
  AttemptStarted: ["gateway"],
  AttemptFinished: ["gateway", "scorer"],
  AttemptFailed: ["gateway"],
  RaceFinished: ["scorer", "gateway"],
  EvaluationRequested: ["scheduler", "gateway"],
  EvaluationFinished: ["scorer"],
  EvaluationFailed: ["scorer"],
  JobScored: ["scheduler", "gateway", "chain"],
  JobFailed: ["scheduler", "gateway"],
} as const satisfies Record<string, readonly Consumer[]>;
