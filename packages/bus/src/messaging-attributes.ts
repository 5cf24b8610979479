import type { Attributes } from "@opentelemetry/api";
import type { Headers } from "./tables.ts";

/** OpenTelemetry's words for one message. Subjects of events are few, so they name the destination as they are. */
export function messagingAttributes(
  operation: "send" | "process",
  subject: string,
  headers: Headers,
): Attributes {
  return {
    "messaging.system": "nats",
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "messaging.destination.name": subject,
    "messaging.message.id": headers["ce-id"] ?? "",
    "messaging.message.conversation_id": headers["ce-subject"] ?? "",
  };
}
