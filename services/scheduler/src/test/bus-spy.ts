import type { Bus } from "@gradients/bus";
import { decodeEvent } from "@gradients/contracts/catalogue";
import { type AttemptProgress, AttemptProgressSchema } from "@gradients/contracts/event";
import { injectTrace } from "@gradients/runtime";
import { headers as natsHeaders } from "nats";
import { vi } from "vitest";

/** As an outbox relay would. */
export async function publishRaw(
  bus: Bus,
  subject: string,
  payload: Uint8Array,
  id: string,
  type: string,
  jobId: string,
) {
  const headers = natsHeaders();
  const trace: Record<string, string> = {};
  injectTrace(trace);
  for (const [name, value] of Object.entries({
    ...trace,
    "ce-id": id,
    "ce-type": type,
    "ce-subject": jobId,
    "ce-time": new Date().toISOString(),
    "ce-specversion": "1.0",
    "ce-source": "test",
  })) {
    headers.set(name, value);
  }
  await vi.waitFor(() => bus.jetstream.publish(subject, payload, { headers }), { timeout: 10_000 });
}

export interface CollectedEvent {
  readonly type: string;
  readonly payload: Uint8Array;
  readonly traceparent: string | undefined;
}

/** Grows with everything that is said on the bus. */
export function collectEvents(bus: Bus): readonly CollectedEvent[] {
  const events: CollectedEvent[] = [];
  bus.connection.subscribe("event.>", {
    callback: (_error, message) => {
      const type = message.headers?.get("ce-type");
      if (type)
        events.push({ type, payload: message.data, traceparent: message.headers?.get("traceparent") });
    },
  });
  return events;
}

export function collectProgress(bus: Bus): AttemptProgress[] {
  const progress: AttemptProgress[] = [];
  bus.connection.subscribe("progress.>", {
    callback: (_error, message) => {
      progress.push(decodeEvent(AttemptProgressSchema, message.data));
    },
  });
  return progress;
}
