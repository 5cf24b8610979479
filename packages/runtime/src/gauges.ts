import type { BatchObservableResult, ObservableGauge } from "@opentelemetry/api";
import type { Part } from "./compose-service.ts";
import type { Logger } from "./logger.ts";
import { meter } from "./trace.ts";

export interface GaugesOptions {
  readonly scope: string;
  readonly logger: Logger;
  readonly gauges: readonly ObservableGauge[];
  /** Reads all of them at once, for example by one query. What it throws leaves a gap in the figures. */
  readonly read: (result: BatchObservableResult) => Promise<void>;
}

/** Gauges that are read whenever metrics are collected, and never when nobody asks. Returns how to end that. */
export function observeGauges({ scope, logger, gauges, read }: GaugesOptions): () => void {
  const callback = (result: BatchObservableResult) =>
    read(result).catch((err: unknown) => logger.debug({ err, scope }, "gauges could not be read"));
  meter(scope).addBatchObservableCallback(callback, [...gauges]);
  return () => meter(scope).removeBatchObservableCallback(callback, [...gauges]);
}

export function createGaugesPart(options: GaugesOptions): Part {
  let end: (() => void) | undefined;
  return {
    name: "gauges",
    start: async () => {
      end = observeGauges(options);
    },
    stop: async () => end?.(),
  };
}
