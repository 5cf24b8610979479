import { createInbox, type Msg, type MsgHdrs } from "nats";
import type { Bus } from "./connect-bus.ts";

interface Outgoing {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
}

/** Publishes to JetStream like its client, for many messages at a time: one subscription and one timer for all acks instead of one of each per message. */
export interface Publisher {
  /** Resolves when the stream has stored the message; rejects when it refused it, or nothing was heard in time. */
  publish(message: Outgoing): Promise<void>;
  close(): void;
}

const CHECK_MS = 500;

export function createPublisher({ connection, onReconnect }: Bus, timeoutMs: number): Publisher {
  const inbox = createInbox();
  const waiting = new Map<string, Waiting>();
  let last = 0;
  const settle = (error: Error | null, message: Msg) => {
    const key = message.subject.slice(inbox.length + 1);
    const entry = waiting.get(key);
    if (!entry) return;
    waiting.delete(key);
    const failure = error ?? refusal(message);
    if (failure) entry.reject(failure);
    else entry.resolve();
  };
  const failAll = (reason: string, isDue: (entry: Waiting) => boolean) => {
    for (const [key, entry] of waiting) {
      if (!isDue(entry)) continue;
      waiting.delete(key);
      entry.reject(new Error(reason));
    }
  };
  const subscription = connection.subscribe(`${inbox}.*`, { callback: settle });
  const stopListening = onReconnect(() => failAll("The connection was lost before the ack came", () => true));
  const checking = setInterval(() => {
    const now = performance.now();
    failAll(`No ack within ${timeoutMs} ms`, ({ deadline }) => deadline <= now);
  }, CHECK_MS);
  return {
    publish: ({ subject, payload, headers }) =>
      new Promise((resolve, reject) => {
        const key = String(++last);
        connection.publish(subject, payload, { headers, reply: `${inbox}.${key}` });
        waiting.set(key, { resolve, reject, deadline: performance.now() + timeoutMs });
      }),
    close: () => {
      clearInterval(checking);
      stopListening();
      if (!connection.isClosed()) subscription.unsubscribe();
      failAll("The publisher was closed", () => true);
    },
  };
}

/** Undefined when the stream has stored the message, now or before. */
function refusal(message: Msg): Error | undefined {
  if (message.headers?.code === 503) return new Error("No stream takes this subject");
  const text = message.string();
  if (!text.includes('"error"')) return undefined; // mostly: nothing to parse
  const { error } = JSON.parse(text) as { readonly error?: { readonly description?: string } };
  return error && new Error(`The stream refused the message: ${error.description ?? "no reason given"}`);
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly deadline: number;
}
