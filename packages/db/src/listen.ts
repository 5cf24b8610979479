import { type Logger, withBackoff } from "@gradients/runtime";
import { type Client, escapeIdentifier } from "pg";
import { lostOrAborted } from "./lost-or-aborted.ts";
import { fullChannel, type Notices } from "./notices.ts";

export interface ListenOptions {
  readonly open: (purpose: string) => Promise<Client>;
  readonly logger: Logger;
  readonly notices: Notices;
  readonly schema: string;
  readonly channel: string;
  readonly onNotify: (payload: string) => void;
  readonly signal: AbortSignal;
}

/** Listens on a connection of its own, made anew for as long as the signal has not aborted. */
export async function listen(options: ListenOptions): Promise<void> {
  const { notices, channel, onNotify, signal } = options;
  const stopHearing = notices.hear(channel, onNotify);
  try {
    while (!signal.aborted) {
      const client = await connect(options);
      if (!client) return;
      onNotify("");
      await lostOrAborted(client, signal);
      await client.end().catch(() => {}); // it may be dead already
    }
  } finally {
    stopHearing();
  }
}

async function connect({
  open,
  logger,
  notices,
  schema,
  channel,
  onNotify,
  signal,
}: ListenOptions): Promise<Client | undefined> {
  try {
    return await withBackoff({ what: "listen", logger, signal }, async () => {
      const client = await open("listen");
      client.on("notification", ({ payload = "" }) => {
        const foreign = notices.readForeign(payload);
        if (foreign !== undefined) onNotify(foreign);
      });
      try {
        await client.query(`listen ${escapeIdentifier(fullChannel(schema, channel))}`);
      } catch (error) {
        await client.end().catch(() => {}); // the first error is the one that tells
        throw error;
      }
      return client;
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
