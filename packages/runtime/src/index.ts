export { type BackoffOptions, backoffDelays, type RetryOptions, withBackoff } from "./backoff.ts";
export { type ComposeOptions, composeService, type Part } from "./compose-service.ts";
export { secret } from "./config-options.ts";
export { createGaugesPart, type GaugesOptions, observeGauges } from "./gauges.ts";
export {
  type Config,
  ConfigExit,
  type ConfigSource,
  type LoadConfigOptions,
  loadConfig,
} from "./load-config.ts";
export { createLogger, type Logger, type LoggerOptions, type LogLevel, logLevels } from "./logger.ts";
export { type Command, runService, type StandaloneCommand } from "./run-service.ts";
export type { Addresses, Service } from "./service.ts";
export {
  annotateSpan,
  currentTraceparent,
  injectTrace,
  inSpan,
  inTraceOf,
  isTraced,
  linkTo,
  meter,
  requestSeconds,
  type Span,
  type SpanSettings,
  tracer,
  withExtractedTrace,
  withoutSpans,
  workSeconds,
} from "./trace.ts";
export { createWake, type Wake } from "./wake.ts";
export { WorkQueue, type WorkQueueOptions } from "./work-queue.ts";
