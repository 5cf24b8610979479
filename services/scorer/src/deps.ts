import type { Database } from "@gradients/db";
import type { ObjectStore } from "@gradients/objects";
import type { VerdictRules } from "./domain/ranks.ts";
import type { SplitPolicy } from "./domain/split.ts";
import type { Observe } from "./observe.ts";
import type { Tables } from "./store/schema.ts";

/** What decisions inside a transaction need. */
export interface DecisionDeps {
  readonly rules: ScorerRules;
  readonly observe: Observe;
}

/** What the heavy work outside of transactions needs. */
export interface Deps extends DecisionDeps {
  readonly db: Database<Tables>;
  readonly objects: ObjectStore;
  /** Folder for the files of a split in the making. */
  readonly workFolder: string;
}

export interface ScorerRules {
  readonly split: SplitPolicy;
  readonly verdict: VerdictRules;
  /** Held-out rows for which answers are generated. */
  readonly generateRows: number;
  readonly maxNewTokens: number;
  /** For jobs that come without a deadline. */
  readonly deadlineSeconds: number;
}
