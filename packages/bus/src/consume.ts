import { type Logger, withBackoff } from "@gradients/runtime";
import {
  AckPolicy,
  type ConsumerAPI,
  type ConsumerConfig,
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiError,
  type JsMsg,
  ReplayPolicy,
} from "@nats-io/jetstream";
import { nanos } from "nats";
import type { Bus, StreamName } from "./connect-bus.ts";
import { observeConsumer } from "./observe.ts";
import { ensureStreams } from "./streams.ts";

export interface ConsumeOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly stream: StreamName;
  readonly durable: string;
  readonly subjects: readonly string[];
  readonly maxAckPending: number;
  readonly maxDeliver: number;
  /** Resolves when the message is settled: acked, refused or to come again. Must not throw. Called without waiting for earlier ones. */
  readonly settle: (message: JsMsg) => Promise<void>;
}

/** A delivery comes again when nothing was heard of it for this long. Messages in hand are reported as in progress three times as often. */
const ACK_WAIT_MS = 10_000;

/** A pull that the server has lost is noticed after two missed heartbeats, each half of this. */
const PULL_EXPIRES_MS = 5_000;

/**
 * Delivers a durable consumer's messages until the signal aborts and those in hand are settled. Stream and consumer are looked at anew whenever the connection
 * was lost, and made when the server came back without them; a new consumer starts with the oldest message, so what was handled before comes again.
 */
export async function consume(options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  const inHand = new Map<JsMsg, Promise<void>>();
  const endGauges = observeConsumer(options);
  const reporting = setInterval(() => reportWorking(inHand.keys()), ACK_WAIT_MS / 3);
  const take = (message: JsMsg) => {
    inHand.set(
      message,
      options.settle(message).finally(() => inHand.delete(message)),
    );
  };
  try {
    await keepOpen(options, take, signal);
    await Promise.all(inHand.values());
  } finally {
    clearInterval(reporting);
    endGauges();
  }
}

async function keepOpen(options: ConsumeOptions, take: Take, signal: AbortSignal): Promise<void> {
  const what = `consume ${options.stream} as ${options.durable}`;
  const retry = { what, logger: options.logger, signal, maxMs: 2_000, resetAfterMs: 10_000 };
  while (!signal.aborted) {
    try {
      await withBackoff(retry, () => consumeOnce(options, take, signal));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Returns when the signal aborts or the connection was made anew; throws when consumer or stream are gone. */
async function consumeOnce(options: ConsumeOptions, take: Take, signal: AbortSignal): Promise<void> {
  const messages = await open(options, take);
  const close = () => void messages.close();
  const stopWatching = options.bus.onReconnect(close);
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    const error = await messages.closed();
    if (error) throw error;
  } finally {
    stopWatching();
    signal.removeEventListener("abort", close);
  }
}

async function open(options: ConsumeOptions, take: Take): Promise<ConsumerMessages> {
  const { bus, stream, durable, maxAckPending } = options;
  await ensureStreams(bus);
  const manager = await bus.manager();
  await ensureConsumer(manager.consumers, options);
  const consumer = await bus.jetstream.consumers.get(stream, durable);
  return consumer.consume({
    // With a callback every message that arrives is in hand at once; an iterator would drop its buffer when closed, and the server would wait for their acks.
    callback: take,
    max_messages: Math.min(maxAckPending, 256),
    expires: PULL_EXPIRES_MS,
    abort_on_missing_resource: true,
  });
}

/** NATS' JSConsumerAlreadyExists: there is one of that name, and it is not the same. */
const CONSUMER_DIFFERS = 10_148;

/**
 * Makes the consumer exist as this release needs it. Subjects are only ever added: while a release replaces another, replicas of both share the consumer, and
 * what a replica has no handler for costs it an ack. Of an added subject the events come that are published from then on.
 */
async function ensureConsumer(consumers: ConsumerAPI, options: ConsumeOptions): Promise<void> {
  const config = toConfig(options);
  const { stream, durable } = options;
  try {
    await consumers.add(stream, config);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== CONSUMER_DIFFERS) throw error;
    const { filter_subjects: known = [] } = (await consumers.info(stream, durable)).config;
    const subjects = new Set([...known, ...options.subjects]);
    await consumers.update(stream, durable, { ...config, filter_subjects: [...subjects] });
  }
}

function toConfig({ durable, subjects, maxAckPending, maxDeliver }: ConsumeOptions): ConsumerConfig {
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

function reportWorking(messages: Iterable<JsMsg>): void {
  for (const message of messages) message.working();
}

type Take = (message: JsMsg) => void;
