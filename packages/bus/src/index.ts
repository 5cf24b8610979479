export { type Bus, type BusOptions, connectBus, type StreamName } from "./connect-bus.ts";
export { type ConsumerOptions, createConsumer } from "./consumer.ts";
export { type DeadLetter, listDeadLetters, replayDeadLetter } from "./dead-letters.ts";
export { type DeadLettersOptions, deadLettersCommand } from "./dead-letters-command.ts";
export { event, type OutboxEvent } from "./event.ts";
export { type EventContext, type EventHandler, type EventHandlers, on, PermanentError } from "./handlers.ts";
export { busInvariants, eventsOf } from "./invariants.ts";
export { busMigrations } from "./migrations.ts";
export { orDeadLetter } from "./or-dead-letter.ts";
export { appendOutbox, republishSince } from "./outbox.ts";
export { createOutboxRelay, type OutboxRelayOptions } from "./outbox-relay.ts";
export { publishProgress } from "./progress.ts";
export {
  createProgressConsumer,
  type ProgressConsumerOptions,
  type ProgressItem,
} from "./progress-consumer.ts";
export { streamBytes } from "./stream-bytes.ts";
export { ensureStreams } from "./streams.ts";
export type { BusTables } from "./tables.ts";
