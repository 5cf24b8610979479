import type { Database } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { sql } from "kysely";
import { sampleEvent, type Tables } from "./tables.ts";

const BATCH = 500;

/** What the bus writes for each event and nothing else: a row is inserted, read, marked, and noted as received; statements of 500 rows, one after the other. */
export async function writeBare(db: Database<Tables>, count: number): Promise<void> {
  for (let written = 0; written < count; written += BATCH) {
    await insertRows(db, Math.min(BATCH, count - written));
    const { rows } = await sql<{ id: bigint; event_id: string }>`
      select id, event_id, type, subject, headers, payload from outbox where published_at is null order by id limit ${BATCH}`.execute(
      db.q,
    );
    await sql`update outbox set published_at = now() where id = any(${rows.map(({ id }) => String(id))}::bigint[])`.execute(
      db.q,
    );
    await sql`insert into inbox (consumer, event_id) select 'bare', unnest(${rows.map((row) => row.event_id)}::uuid[]) on conflict do nothing`.execute(
      db.q,
    );
  }
}

async function insertRows(db: Database<Tables>, count: number): Promise<void> {
  const { payload, type, subject } = sampleEvent();
  const ids = Array.from({ length: count }, () => newId());
  const headers = JSON.stringify({ "ce-id": ids[0], "ce-type": type, "ce-time": new Date().toISOString() });
  await sql`
    insert into outbox (event_id, type, subject, headers, payload)
    select id, ${type}, ${subject}, ${headers}::jsonb, ${payload}::bytea from unnest(${ids}::uuid[]) as id`.execute(
    db.q,
  );
}
