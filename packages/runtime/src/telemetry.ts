// Loaded before anything else: `node --import @gradients/runtime/telemetry src/main.ts`. Standard OTEL_* variables switch it on and configure it.
import { setTimeout as delay } from "node:timers/promises";

const switches = [
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
  "OTEL_TRACES_EXPORTER",
  "OTEL_METRICS_EXPORTER",
  "OTEL_LOGS_EXPORTER",
  "OTEL_CONFIG_FILE",
];

if (switches.some((name) => process.env[name])) {
  const { startNodeSdk } = await import("@opentelemetry/sdk-node");
  const sdk = startNodeSdk();
  process.once(
    "beforeExit",
    () => void Promise.race([sdk.shutdown(), delay(5_000, undefined, { ref: false })]),
  );
}
