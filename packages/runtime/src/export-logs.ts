import { type Attributes, logs, SeverityNumber } from "@opentelemetry/api";

/** Hands a written log line to the telemetry pipeline when it exports logs; returns it unchanged. Works on the line, so redaction has been done. */
export function exportLogLine(line: string): string {
  const logger = logs.getLogger("@gradients/runtime");
  if (!logger.enabled()) return line;
  const { time, level, msg, trace_id: _traceId, span_id: _spanId, ...fields } = JSON.parse(line) as LogLine;
  logger.emit({
    timestamp: new Date(time),
    severityNumber: severities[level] ?? SeverityNumber.INFO,
    severityText: level,
    body: msg ?? "",
    attributes: flatten(fields),
  });
  return line;
}

const severities: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** `{ err: { type: "Error" } }` becomes `{ "err.type": "Error" }`; lists become JSON. */
function flatten(fields: object, prefix = ""): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
      attributes[prefix + name] = value;
    else if (Array.isArray(value)) attributes[prefix + name] = JSON.stringify(value);
    else if (value !== null && typeof value === "object")
      Object.assign(attributes, flatten(value, `${prefix}${name}.`));
  }
  return attributes;
}

interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly msg?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
}
