// Loaded before anything else: `node --import @gradients/runtime/telemetry src/main.ts`. The standard OTEL_* variables switch each signal on and say
// where it goes; without them nothing is loaded. Spans are made by our own rpc, db and bus packages, so no module is patched and no loader hook is needed.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { meter } from "./trace.ts";

const signals = ["TRACES", "METRICS", "LOGS"];

/** Shorter than the time that runService leaves a process to end. */
const FLUSH_MS = 2_500;

if (process.env["OTEL_CONFIG_FILE"] || signals.some(isAskedFor)) await startTelemetry();

async function startTelemetry(): Promise<void> {
  for (const signal of signals) if (!isAskedFor(signal)) process.env[`OTEL_${signal}_EXPORTER`] = "none"; // the SDK's own default is OTLP to localhost
  process.env["OTEL_SERVICE_NAME"] ||= serviceName();
  process.env["OTEL_LOG_LEVEL"] ||= "warn"; // its lines are no JSON, and standard output is for ours
  process.env["OTEL_NODE_RESOURCE_DETECTORS"] ||= "process,service"; // the host's answers late, about which each scrape would complain
  const { startNodeSdk } = await import("@opentelemetry/sdk-node");
  const sdk = startNodeSdk();
  observeProcess();
  process.once("beforeExit", () => void flushAndExit(sdk));
}

/** Everything else has ended by now. A collector that is away must not hold the process. */
async function flushAndExit(sdk: { shutdown(): Promise<void> }): Promise<void> {
  await Promise.race([sdk.shutdown().catch(() => {}), delay(FLUSH_MS)]); // the SDK has told why
  process.exit();
}

function isAskedFor(signal: string): boolean {
  const names = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`,
    `OTEL_${signal}_EXPORTER`,
  ];
  return names.some((name) => process.env[name]);
}

/** `scorer` for `…/services/scorer/src/main.ts`. */
function serviceName(): string {
  return /([^/\\]+)[/\\]src[/\\]main\.ts$/.exec(process.argv[1] ?? "")?.[1] ?? "gradients";
}

function observeProcess(): void {
  const histogram = monitorEventLoopDelay();
  histogram.enable();
  meter("@gradients/runtime")
    .createObservableGauge("nodejs.eventloop.delay.p99", {
      unit: "s",
      description: "Event loop delay since the last collection, 99th percentile.",
    })
    .addCallback((result) => {
      result.observe(histogram.percentile(99) / 1e9);
      histogram.reset();
    });
  meter("@gradients/runtime")
    .createObservableGauge("process.memory.usage", { unit: "By", description: "Resident memory." })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter("@gradients/runtime")
    .createObservableCounter("process.cpu.time", { unit: "s", description: "CPU time, by mode." })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { "cpu.mode": "user" });
      result.observe(system / 1e6, { "cpu.mode": "system" });
    });
}
