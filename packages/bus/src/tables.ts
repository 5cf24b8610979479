import type { Database } from "@gradients/db";
import type { ColumnType, Generated } from "kysely";

/** The tables that the bus keeps in each service's schema; intersect them into the service's own: `type Tables = BusTables & { job: JobTable }`. */
export interface BusTables {
  outbox: OutboxTable;
  outbox_stream: OutboxStreamTable;
  inbox: InboxTable;
  dead_letter: DeadLetterTable;
}

/** Header names as they go over the wire. */
export type Headers = Readonly<Record<string, string>>;

interface OutboxTable {
  id: ColumnType<bigint, never, never>;
  event_id: string;
  type: string;
  subject: string;
  headers: ColumnType<Headers, string, never>;
  payload: Uint8Array;
  created_at: Generated<Date>;
  published_at: ColumnType<Date | null, never, Date | null>;
}

interface OutboxStreamTable {
  stream: string;
  created: string;
}

interface InboxTable {
  consumer: string;
  event_id: string;
  received_at: Generated<Date>;
}

interface DeadLetterTable {
  id: string;
  consumer: string;
  event_id: string;
  type: string;
  subject: string;
  headers: ColumnType<Headers, string, string>;
  payload: Uint8Array;
  error: string;
  deliveries: number;
  failed_at: Date;
  replayed_at: Date | null;
}

/** The same database, seen as having the bus's tables only. Kysely's types are invariant, so the compiler cannot see that this is a narrowing. */
export function busTablesOf<T extends BusTables>(db: Database<T>): Database<BusTables> {
  return db as unknown as Database<BusTables>;
}
