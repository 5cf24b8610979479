import type { Database } from "@gradients/db";
import type { Logger } from "@gradients/runtime";
import type { Bus, StreamName } from "./connect-bus.ts";
import { republishSince } from "./outbox.ts";
import { EVENT_MAX_AGE_MS, streamCreatedAt } from "./streams.ts";
import type { BusTables } from "./tables.ts";

const EVENTS: StreamName = "EVENTS";

export interface StreamIdentityDeps {
  readonly db: Database<BusTables>;
  readonly bus: Bus;
  readonly logger: Logger;
}

/**
 * A stream is known by its time of creation. When it is not the one that this outbox was published to, the broker has lost its store: everything young enough
 * to be in the stream is published again. The old identity is replaced only after that was recorded, so a crash in between repeats it.
 */
export async function republishIfStreamIsNew({ db, bus, logger }: StreamIdentityDeps): Promise<void> {
  const created = await streamCreatedAt(bus, EVENTS);
  const known = await db.q
    .selectFrom("outbox_stream")
    .select("created")
    .where("stream", "=", EVENTS)
    .executeTakeFirst();
  if (known?.created === created) return;
  if (known) {
    const events = await republishSince(db, new Date(Date.now() - EVENT_MAX_AGE_MS));
    logger.warn({ stream: EVENTS, created, events }, "stream was recreated, publishing kept events again");
  }
  await db.q
    .insertInto("outbox_stream")
    .values({ stream: EVENTS, created })
    .onConflict((conflict) => conflict.column("stream").doUpdateSet({ created }))
    .execute();
}
