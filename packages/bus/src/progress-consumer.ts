import { decodeEvent } from "@gradients/contracts/catalogue";
import { type AttemptProgress, AttemptProgressSchema } from "@gradients/contracts/event";
import { type Logger, type Part, withBackoff } from "@gradients/runtime";
import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "./connect-bus.ts";
import { ACK_WAIT_MS, consume } from "./consume.ts";
import { createWake } from "./wake.ts";

export interface ProgressItem {
  readonly progress: AttemptProgress;
  /** Place in the stream: rises, and starts over only when the broker lost its store. */
  readonly sequence: number;
  readonly time: Date;
}

export interface ProgressConsumerOptions {
  readonly bus: Bus;
  /** Name of the durable consumer. */
  readonly durable: string;
  readonly logger: Logger;
  /** Stores a batch, in order. Called with the same batch again until it succeeds; a batch may come again after a crash. */
  readonly onBatch: (batch: readonly ProgressItem[]) => Promise<void>;
}

const BATCH = 256;
const MAX_ACK_PENDING = 1_024;
const MAX_DELIVER = 64;

/** Delivers the live figures of all attempts in batches, one after the other: whatever has arrived, without waiting for more. */
export function createProgressConsumer(options: ProgressConsumerOptions): Part {
  return {
    name: `progress consumer ${options.durable}`,
    stopTimeoutMs: 10_000,
    run: (signal) => runConsumer(options, signal),
  };
}

async function runConsumer(
  { bus, durable, logger, onBatch }: ProgressConsumerOptions,
  signal: AbortSignal,
): Promise<void> {
  const queue: JsMsg[] = [];
  const wake = createWake();
  const onMessage = (message: JsMsg) => {
    queue.push(message);
    wake.ring();
  };
  const consuming = consume(
    {
      bus,
      logger,
      stream: "PROGRESS",
      durable,
      subjects: ["progress.>"],
      maxAckPending: MAX_ACK_PENDING,
      maxDeliver: MAX_DELIVER,
      onMessage,
    },
    signal,
  );
  const storing = drain();
  await Promise.all([consuming, storing]);

  async function drain(): Promise<void> {
    while (!signal.aborted) {
      const messages = queue.splice(0, BATCH);
      if (messages.length > 0) await deliver(messages, { logger, onBatch }, signal);
      else await wake.wait(ACK_WAIT_MS, signal);
    }
    for (const message of queue) message.nak();
  }
}

async function deliver(
  messages: readonly JsMsg[],
  { logger, onBatch }: Pick<ProgressConsumerOptions, "logger" | "onBatch">,
  signal: AbortSignal,
): Promise<void> {
  const batch = messages.flatMap((message) => decode(message, logger));
  const working = setInterval(() => messages.forEach((message) => message.working()), ACK_WAIT_MS / 3);
  try {
    await withBackoff({ what: "store progress", logger, signal, maxMs: 5_000 }, () => onBatch(batch));
    for (const message of messages) message.ack();
  } catch (error) {
    if (!signal.aborted) throw error;
    for (const message of messages) message.nak();
  } finally {
    clearInterval(working);
  }
}

/** Nothing for bytes that are no progress; they are acked with the rest. */
function decode(message: JsMsg, logger: Logger): readonly ProgressItem[] {
  try {
    return [
      {
        progress: decodeEvent(AttemptProgressSchema, message.data),
        sequence: message.seq,
        time: message.time,
      },
    ];
  } catch (error) {
    logger.warn({ err: error, subject: message.subject }, "unreadable progress dropped");
    return [];
  }
}
