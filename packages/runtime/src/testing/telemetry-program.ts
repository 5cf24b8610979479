// Run by telemetry.test.ts as a process of its own: one trace handed over by headers, one counter, one log line.
import { createLogger } from "../logger.ts";
import { currentTraceparent, injectTrace, meter, tracer, withExtractedTrace } from "../trace.ts";

const logger = createLogger({ service: "scorer", level: "info" });
const headers: Record<string, string> = {};

tracer("test").startActiveSpan("publish", (span) => {
  injectTrace(headers);
  span.end();
});

withExtractedTrace(headers, () => {
  tracer("test").startActiveSpan("consume", (span) => {
    meter("test").createCounter("events.seen").add(1);
    logger.info(
      { token: "hunter2", recording: span.isRecording(), traceparent: currentTraceparent() ?? "none" },
      "event seen",
    );
    span.end();
  });
});
