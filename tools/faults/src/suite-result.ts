import type { Violation } from "./violation.ts";

/** What a suite of faults found, as it is kept in docs/reliability/<suite>.json. docs/reliability.md is made from all of these. */
export interface SuiteResult {
  readonly suite: string;
  readonly title: string;
  /** What makes the result again. */
  readonly command: string;
  readonly seed: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly durationSeconds: number;
  /** How often each fault was made. */
  readonly faults: Readonly<Record<string, number>>;
  /** What was done meanwhile, for example jobs run. */
  readonly load: Readonly<Record<string, number>>;
  readonly promises: readonly PromiseResult[];
  readonly measures: readonly Measure[];
  /** What a reader should know besides, one line each. */
  readonly notes?: readonly string[];
  readonly violations: readonly Violation[];
}

export interface PromiseResult {
  readonly promise: string;
  readonly tries: number;
  readonly failures: number;
}

export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** What the product promises. */
  readonly limit: number;
}
