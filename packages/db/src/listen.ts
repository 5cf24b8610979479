import { type Logger, withBackoff } from "@gradients/runtime";
import { type Client, escapeIdentifier } from "pg";
import { lostOrAborted } from "./lost-or-aborted.ts";

export interface ListenOptions {
  readonly open: (purpose: string) => Promise<Client>;
  readonly logger: Logger;
  readonly channel: string;
  readonly onNotify: (payload: string) => void;
  readonly signal: AbortSignal;
}

/** Listens on a connection of its own, made anew for as long as the signal has not aborted. */
export async function listen({ open, logger, channel, onNotify, signal }: ListenOptions): Promise<void> {
  while (!signal.aborted) {
    const client = await connect({ open, logger, channel, onNotify, signal });
    if (!client) return;
    onNotify("");
    await lostOrAborted(client, signal);
    await client.end().catch(() => {}); // it may be dead already
  }
}

async function connect({
  open,
  logger,
  channel,
  onNotify,
  signal,
}: ListenOptions): Promise<Client | undefined> {
  try {
    return await withBackoff({ what: "listen", logger, signal }, async () => {
      const client = await open("listen");
      client.on("notification", ({ payload = "" }) => onNotify(payload));
      try {
        await client.query(`listen ${escapeIdentifier(channel)}`);
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
