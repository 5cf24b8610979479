/** What one contender did with the load. */
export interface Outcome {
  /** By the API server's clock: from the first run made to the last one ended. */
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly classes: Readonly<Record<string, ClassTimes>>;
  readonly made: number;
  readonly ended: number;
  /** Of the admitter alone. */
  readonly calls: number;
  readonly callsByKind: ReadonlyMap<string, number>;
  readonly apiServerCpuSeconds: number;
}

export interface ClassTimes {
  readonly count: number;
  /** From made to admitted. */
  readonly meanMs: number;
  readonly evictions: number;
}
