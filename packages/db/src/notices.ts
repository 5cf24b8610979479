import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@gradients/runtime";
import { type Kysely, sql } from "kysely";

export interface Notice {
  readonly channel: string;
  readonly payload: string;
}

/** What committed transactions have to tell those who listen. */
export interface Notices {
  /** Tells listeners of this process at once and those of others through the database. Not waited for, and lost with the process: who listens also looks by itself. */
  tell(notices: readonly Notice[]): void;
  /** Has the function hear the payloads told here, until the returned one is called. */
  hear(channel: string, onNotify: (payload: string) => void): () => void;
  /** The payload of a notification that came from the database; undefined when it was told here and heard already. */
  readForeign(text: string): string | undefined;
}

/**
 * A notification inside a transaction would have all commits of the whole server wait for each other, each for its own write to the disk: PostgreSQL keeps
 * the queue of notifications in the order of the commits by a lock. Sent afterwards it waits for no disk, and many transactions share one.
 */
export function createNotices<T>(q: Kysely<T>, schema: string, logger: Logger): Notices {
  const origin = `@${crypto.randomUUID()} `;
  const listeners = new Map<string, Set<(payload: string) => void>>();
  const send = createSender((batch) => notify(q, schema, origin, batch), logger);
  return {
    tell: (notices) => {
      for (const { channel, payload } of notices)
        for (const onNotify of listeners.get(channel) ?? []) onNotify(payload);
      send(notices);
    },
    hear: (channel, onNotify) => {
      const own = listeners.get(channel) ?? new Set();
      listeners.set(channel, own.add(onNotify));
      return () => void own.delete(onNotify);
    },
    readForeign: (text) => (text.startsWith(origin) ? undefined : text.replace(/^@\S+ /, "")),
  };
}

/** Between two statements: at a thousand transactions a second, one for each would be a good part of what they cost. */
const PAUSE_MS = 5;

/** The first is told at once; what is told until shortly after goes with the next statement, the same thing once. */
function createSender(
  notifyAll: (notices: readonly Notice[]) => Promise<void>,
  logger: Logger,
): Notices["tell"] {
  let waiting = new Map<string, Notice>();
  let isSending = false;
  const sendAll = async () => {
    isSending = true;
    while (waiting.size > 0) {
      const batch = [...waiting.values()];
      waiting = new Map();
      await notifyAll(batch).catch((err: unknown) => logger.debug({ err }, "notification not sent"));
      await delay(PAUSE_MS);
    }
    isSending = false;
  };
  return (notices) => {
    for (const notice of notices) waiting.set(`${notice.channel} ${notice.payload}`, notice);
    if (!isSending) void sendAll();
  };
}

/** The channel as the server knows it: its channels are shared by all schemas. */
export function fullChannel(schema: string, channel: string): string {
  return `${schema}_${channel}`;
}

async function notify<T>(
  q: Kysely<T>,
  schema: string,
  origin: string,
  notices: readonly Notice[],
): Promise<void> {
  const channels = notices.map(({ channel }) => fullChannel(schema, channel));
  const payloads = notices.map(({ payload }) => origin + payload);
  await sql`
    select pg_notify(channel, payload) from unnest(${channels}::text[], ${payloads}::text[]) as notice (channel, payload)`.execute(
    q,
  );
}
