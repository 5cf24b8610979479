import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { exportLogLine } from "./export-logs.ts";

export type Logger = PinoLogger;
export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** More field paths to hide, in pino's notation, e.g. `request.headers.cookie`. */
  readonly redact?: readonly string[];
  /** Standard output if absent. */
  readonly destination?: DestinationStream;
}

/** Fields that never appear in a log line, at the top and up to two levels down. */
const secretFields = [
  "password",
  "secret",
  "secretAccessKey",
  "token",
  "apiKey",
  "authorization",
  "mnemonic",
  "seed",
  "salt",
];

/** JSON lines with `trace_id` and `span_id` of the active span; where telemetry exports logs, each line goes there too, after redaction. */
export function createLogger({ service, level, redact = [], destination }: LoggerOptions): Logger {
  const options = {
    base: { service },
    level,
    redact: { paths: [...secretFields.flatMap(atAnyDepth), ...redact], censor: "[redacted]" },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: traceFields,
    hooks: { streamWrite: exportLogLine },
  };
  // Written at once, so the lines of several loggers keep their order and none is lost at a forced exit.
  return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
}

function atAnyDepth(field: string): string[] {
  return [field, `*.${field}`, `*.*.${field}`];
}

function traceFields(): object {
  const context = trace.getActiveSpan()?.spanContext();
  return context && isSpanContextValid(context) ? { trace_id: context.traceId, span_id: context.spanId } : {};
}
