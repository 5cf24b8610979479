import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { toProblem } from "./problem.ts";

/** One server-sent event. */
export interface SentEvent {
  /** What `Last-Event-ID` brings back; left out for events that cannot be resumed from. */
  readonly id?: string;
  readonly event: string;
  /** JSON in one line. */
  readonly data: string;
}

export interface EventStreamOptions {
  readonly requestId: string;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Told what ended the stream early. */
  readonly onFault: (fault: unknown) => void;
}

/** Milliseconds after which a client comes back on its own. */
const RETRY_MS = 2_000;

const EVENT_STREAM_TYPE = "text/event-stream";

/** Writes events at the pace of the client. What fails after the start is told as an event `error` with a problem as its data. */
export async function writeEvents(
  response: ServerResponse,
  events: AsyncIterable<SentEvent>,
  { requestId, signal, onFault }: EventStreamOptions,
): Promise<void> {
  response.writeHead(200, {
    ...Object.fromEntries(Object.entries(response.getHeaders())),
    "content-type": EVENT_STREAM_TYPE,
    "cache-control": "no-store",
    "x-accel-buffering": "no", // proxies must not wait for more
    connection: "close", // so that a stopping server need not wait for the next request on it
  });
  try {
    await write(response, `retry: ${RETRY_MS}\n\n`, signal);
    for await (const event of events) await write(response, formatEvent(event), signal);
  } catch (fault) {
    onFault(fault);
    const { problem } = toProblem(fault, requestId);
    if (!response.destroyed) response.write(formatEvent({ event: "error", data: JSON.stringify(problem) }));
  } finally {
    response.end();
  }
}

/** The fields of one event; the data has no line ends, as JSON has none. */
export function formatEvent({ id, event, data }: SentEvent): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!response.write(text)) await once(response, "drain", { signal });
}
