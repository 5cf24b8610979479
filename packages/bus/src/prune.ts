import type { Database } from "@gradients/db";
import { sql } from "kysely";
import { EVENT_MAX_AGE_MS } from "./streams.ts";
import type { BusTables } from "./tables.ts";

/** An event can come again for as long as an outbox keeps it, and a while after; its inbox row must outlive that. */
const INBOX_MAX_AGE_MS = 2 * EVENT_MAX_AGE_MS;
const BATCH = 10_000;

/** Deletes what can no longer be replayed, a batch at a time. Indexes outbox_published and inbox_received. */
export async function pruneBusTables(db: Database<BusTables>): Promise<void> {
  await sql`
    delete from outbox where id in (
      select id from outbox where published_at < now() - make_interval(secs => ${EVENT_MAX_AGE_MS / 1000}) limit ${BATCH})`.execute(
    db.q,
  );
  await sql`
    delete from inbox where (consumer, event_id) in (
      select consumer, event_id from inbox where received_at < now() - make_interval(secs => ${INBOX_MAX_AGE_MS / 1000}) limit ${BATCH})`.execute(
    db.q,
  );
}
