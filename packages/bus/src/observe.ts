import { meter } from "@gradients/runtime";

export type Outcome =
  | "handled"
  | "duplicate"
  | "unknown_type"
  | "malformed"
  | "not_addressed"
  | "retried"
  | "dead_lettered";

export function countPublished(service: string, events: readonly { readonly type: string }[]): void {
  const counter = meter("@gradients/bus").createCounter("gradients.bus.published", {
    description: "Events relayed from the outbox",
  });
  for (const { type } of events) counter.add(1, { service, type });
}

export function countConsumed(consumer: string, type: string, outcome: Outcome): void {
  meter("@gradients/bus")
    .createCounter("gradients.bus.consumed", { description: "Deliveries by what became of them" })
    .add(1, { consumer, type, outcome });
}
