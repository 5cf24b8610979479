import { type Logger, withBackoff } from "@gradients/runtime";
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  ReplayPolicy,
} from "@nats-io/jetstream";
import { nanos } from "nats";
import type { Bus, StreamName } from "./connect-bus.ts";
import { ensureStreams } from "./streams.ts";

export interface ConsumeOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly stream: StreamName;
  readonly durable: string;
  readonly subjects: readonly string[];
  readonly maxAckPending: number;
  readonly maxDeliver: number;
  readonly onMessage: (message: JsMsg) => void;
}

/** A delivery that is neither acked nor reported as in progress for this long is made again. */
export const ACK_WAIT_MS = 30_000;

/**
 * Delivers a durable consumer's messages until the signal aborts. Stream and consumer are made anew when a server comes back without them; the new consumer
 * starts with the oldest message, so what was handled before comes again.
 */
export async function consume(options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  const retry = {
    what: `consume ${options.stream} as ${options.durable}`,
    logger: options.logger,
    signal,
    maxMs: 2_000,
    resetAfterMs: 10_000,
  };
  try {
    await withBackoff(retry, () => consumeOnce(options, signal));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function consumeOnce(options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  const messages = await open(options);
  const close = () => void messages.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    for await (const message of messages) options.onMessage(message);
  } finally {
    signal.removeEventListener("abort", close);
  }
  if (!signal.aborted) throw new Error("The consumer or its stream is gone");
}

async function open({
  bus,
  stream,
  durable,
  maxAckPending,
  ...options
}: ConsumeOptions): Promise<ConsumerMessages> {
  await ensureStreams(bus);
  const manager = await bus.manager();
  await manager.consumers.add(stream, toConfig({ durable, maxAckPending, ...options }));
  const consumer = await bus.jetstream.consumers.get(stream, durable);
  return consumer.consume({ max_messages: Math.min(maxAckPending, 256), abort_on_missing_resource: true });
}

function toConfig({
  durable,
  subjects,
  maxAckPending,
  maxDeliver,
}: Pick<ConsumeOptions, "durable" | "subjects" | "maxAckPending" | "maxDeliver">): ConsumerConfig {
  return {
    durable_name: durable,
    filter_subjects: [...subjects],
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    max_ack_pending: maxAckPending,
    max_deliver: maxDeliver,
  };
}
