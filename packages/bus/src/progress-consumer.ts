import { decodeEvent } from "@gradients/contracts/catalogue";
import { type AttemptProgress, AttemptProgressSchema } from "@gradients/contracts/event";
import { failpoint } from "@gradients/kernel";
import { createWake, type Logger, type Part, type Wake, withBackoff } from "@gradients/runtime";
import type { JsMsg } from "@nats-io/jetstream";
import type { Bus } from "./connect-bus.ts";
import { consume } from "./consume.ts";

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
const POLL_MS = 60_000;
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

async function runConsumer(options: ProgressConsumerOptions, signal: AbortSignal): Promise<void> {
  const { bus, durable, logger } = options;
  const queue: Waiting[] = [];
  const wake = createWake();
  const settle = (message: JsMsg) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.push({ message, settled: resolve });
    wake.ring();
    return promise;
  };
  const storing = storeBatches(options, queue, wake, signal);
  await consume(
    {
      bus,
      logger,
      stream: "PROGRESS",
      durable,
      subjects: ["progress.>"],
      maxAckPending: MAX_ACK_PENDING,
      maxDeliver: MAX_DELIVER,
      settle,
    },
    signal,
  );
  await storing;
}

async function storeBatches(
  options: ProgressConsumerOptions,
  queue: Waiting[],
  wake: Wake,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const batch = queue.splice(0, BATCH);
    if (batch.length > 0) await store(batch, options, signal);
    else await wake.wait(POLL_MS, signal);
  }
  for (const { message, settled } of queue) {
    message.nak();
    settled();
  }
}

/** Tries until it succeeds. At stop the batch is given back, to come again. */
async function store(
  batch: readonly Waiting[],
  { logger, onBatch }: ProgressConsumerOptions,
  signal: AbortSignal,
): Promise<void> {
  const items = batch.flatMap(({ message }) => decode(message, logger));
  failpoint("bus.progress-taken");
  const stored = await withBackoff({ what: "store progress", logger, signal, maxMs: 5_000 }, () =>
    onBatch(items),
  ).then(
    () => true,
    () => false,
  );
  if (stored) failpoint("bus.progress-stored");
  for (const { message, settled } of batch) {
    if (stored) message.ack();
    else message.nak();
    settled();
  }
}

/** Nothing for bytes that are no progress; they are acked with the rest. */
function decode(message: JsMsg, logger: Logger): readonly ProgressItem[] {
  try {
    const progress = decodeEvent(AttemptProgressSchema, message.data);
    return [{ progress, sequence: message.seq, time: message.time }];
  } catch (error) {
    logger.warn({ err: error, subject: message.subject }, "unreadable progress dropped");
    return [];
  }
}

interface Waiting {
  readonly message: JsMsg;
  readonly settled: () => void;
}
