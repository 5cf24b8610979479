import { failpoint, newId } from "@gradients/kernel";
import { createWake, type Logger, withBackoff } from "@gradients/runtime";
import type { JetStreamClient } from "@nats-io/jetstream";
import { toMsgHeaders } from "./headers.ts";

/** Live figures on their way to the stream: sent in order, kept while the server is away. The client's own buffer would be lost at a reconnect. */
export interface ProgressQueue {
  push(subject: string, payload: Uint8Array): void;
  /** Sends what is left, for a moment, and drops the rest. */
  close(): Promise<void>;
}

const WINDOW = 100;
/** Beyond this the oldest figures are dropped: the newest say most. */
const MAX_QUEUED = 10_000;
const POLL_MS = 60_000;
const LAST_TRY_MS = 1_000;

export function createProgressQueue(jetstream: JetStreamClient, logger: Logger): ProgressQueue {
  const queue: Figure[] = [];
  const wake = createWake();
  const closing = new AbortController();
  const giveUp = new AbortController();

  const sending = (async () => {
    while (!closing.signal.aborted || (queue.length > 0 && !giveUp.signal.aborted)) {
      if (queue.length > 0) await send(queue.splice(0, WINDOW), jetstream, logger, giveUp.signal);
      else await wake.wait(POLL_MS, closing.signal);
    }
  })();
  return {
    push: (subject, payload) => {
      queue.push({ id: newId(), subject, payload });
      if (queue.length > MAX_QUEUED) queue.shift();
      wake.ring();
    },
    close: async () => {
      closing.abort();
      const late = setTimeout(() => giveUp.abort(), LAST_TRY_MS);
      await sending;
      clearTimeout(late);
    },
  };
}

/** Until the stream has all of them, or the signal aborts. Those it has already are told by their ids and dropped by it. */
async function send(
  figures: readonly Figure[],
  jetstream: JetStreamClient,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    await withBackoff({ what: "publish progress", logger, signal, maxMs: 2_000 }, () =>
      Promise.all(figures.map((figure) => publish(figure, jetstream))),
    );
  } catch (error) {
    logger.warn({ figures: figures.length, err: error }, "progress dropped");
  }
}

async function publish({ id, subject, payload }: Figure, jetstream: JetStreamClient): Promise<void> {
  failpoint("bus.before-progress-publish");
  await jetstream.publish(subject, payload, { headers: toMsgHeaders({ "Nats-Msg-Id": id }), timeout: 2_000 });
  failpoint("bus.progress-published");
}

interface Figure {
  readonly id: string;
  readonly subject: string;
  readonly payload: Uint8Array;
}
