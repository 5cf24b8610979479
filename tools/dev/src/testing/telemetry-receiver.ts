import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** What a span says, with its attributes as a plain object and the service that made it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
}

export interface ReceivedLog {
  readonly service: string;
  readonly message: string;
  readonly traceId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** An OTLP/HTTP receiver that keeps what it is sent, as JSON. */
export class TelemetryReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly logs: ReceivedLog[] = [];
  readonly #server: Server = createServer((request, response) => {
    void this.#take(request).then(() => response.setHeader("content-type", "application/json").end("{}"));
  });

  /** Its OTEL_EXPORTER_OTLP_ENDPOINT. */
  async start(): Promise<string> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), "close");
  }

  async #take(request: IncomingMessage): Promise<void> {
    const body = (await json(request)) as Partial<Export>;
    for (const { resource, scopeSpans } of body.resourceSpans ?? [])
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        this.spans.push({
          ...span,
          service: serviceOf(resource),
          attributes: plain(span.attributes),
          events: (span.events ?? []).map(({ name }) => name),
        });
    for (const { resource, scopeLogs } of body.resourceLogs ?? [])
      for (const { body: text, traceId = "", attributes } of scopeLogs.flatMap(
        ({ logRecords }) => logRecords,
      ))
        this.logs.push({
          service: serviceOf(resource),
          message: text.stringValue,
          traceId,
          attributes: plain(attributes),
        });
  }
}

function serviceOf({ attributes }: Resource): string {
  return String(plain(attributes)["service.name"]);
}

function plain(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Resource {
  readonly attributes: readonly Attribute[];
}

interface SpanRecord extends Omit<ReceivedSpan, "service" | "attributes" | "events"> {
  readonly attributes: readonly Attribute[];
  readonly events?: readonly { readonly name: string }[];
}

interface LogRecord {
  readonly body: { readonly stringValue: string };
  readonly traceId?: string;
  readonly attributes: readonly Attribute[];
}

/** The parts of OTLP's JSON that are read here. */
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: Resource;
    readonly scopeSpans: readonly { readonly spans: readonly SpanRecord[] }[];
  }[];
  readonly resourceLogs: readonly {
    readonly resource: Resource;
    readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[];
  }[];
}
