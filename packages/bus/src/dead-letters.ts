import type { Database } from "@gradients/db";
import { type EventId, newId } from "@gradients/kernel";
import type { Bus } from "./connect-bus.ts";
import { ADDRESSEE_HEADER, toMsgHeaders } from "./headers.ts";
import { type BusTables, busTablesOf, type Headers } from "./tables.ts";

export interface DeadLetter {
  readonly id: string;
  readonly consumer: string;
  readonly eventId: EventId;
  readonly type: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
  readonly error: string;
  readonly deliveries: number;
  readonly failedAt: Date;
  /** When it was last sent again; null again once it failed again. */
  readonly replayedAt: Date | null;
}

export interface FailedDelivery {
  readonly consumer: string;
  readonly headers: Headers;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly deliveries: number;
  readonly error: unknown;
}

/** Keeps a failed event, or notes that a kept one failed again. */
export async function recordDeadLetter(db: Database<BusTables>, failed: FailedDelivery): Promise<void> {
  await db.tx(async (tx) => {
    const changeable = {
      headers: JSON.stringify(failed.headers),
      error: describe(failed.error),
      deliveries: failed.deliveries,
      failed_at: tx.now,
      replayed_at: null,
    };
    await tx
      .insertInto("dead_letter")
      .values({
        id: newId(),
        consumer: failed.consumer,
        event_id: failed.headers["ce-id"] ?? "",
        type: failed.headers["ce-type"] ?? "",
        subject: failed.subject,
        payload: failed.payload,
        ...changeable,
      })
      .onConflict((conflict) => conflict.columns(["consumer", "event_id"]).doUpdateSet(changeable))
      .execute();
  });
}

/** Those that were not replayed, oldest first; at most 1000. */
export async function listDeadLetters<T extends BusTables>(db: Database<T>): Promise<readonly DeadLetter[]> {
  const rows = await selectDeadLetters(db)
    .where("replayed_at", "is", null)
    .orderBy("failed_at")
    .limit(1_000)
    .execute();
  return rows.map(toDeadLetter);
}

/** Publishes the event again, for the consumer that failed. False when there is no such dead letter. One that has failed again by now stays listed. */
export async function replayDeadLetter<T extends BusTables>(
  db: Database<T>,
  bus: Bus,
  id: string,
): Promise<boolean> {
  const letter = await selectDeadLetters(db).where("id", "=", id).executeTakeFirst();
  if (!letter) return false;
  const headers = toMsgHeaders({
    ...letter.headers,
    "Nats-Msg-Id": `${letter.event_id}:${newId()}`,
    [ADDRESSEE_HEADER]: letter.consumer,
  });
  await bus.jetstream.publish(letter.subject, letter.payload, { headers });
  await db.tx((tx) =>
    (tx as unknown as Database<BusTables>["q"])
      .updateTable("dead_letter")
      .set({ replayed_at: tx.now })
      .where("id", "=", id)
      .where("failed_at", "=", letter.failed_at)
      .execute(),
  );
  return true;
}

function selectDeadLetters<T extends BusTables>(db: Database<T>) {
  return busTablesOf(db)
    .q.selectFrom("dead_letter")
    .select([
      "id",
      "consumer",
      "event_id",
      "type",
      "subject",
      "headers",
      "payload",
      "error",
      "deliveries",
      "failed_at",
      "replayed_at",
    ]);
}

function toDeadLetter(row: DeadLetterRow): DeadLetter {
  const { event_id, failed_at, replayed_at, ...same } = row;
  return { ...same, eventId: event_id as EventId, failedAt: failed_at, replayedAt: replayed_at };
}

/** The error with its causes, one a line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? `${error.name}: ${error.message}`
    : `${error.name}: ${error.message}\n${describe(error.cause)}`;
}

type DeadLetterRow = Awaited<ReturnType<ReturnType<typeof selectDeadLetters>["execute"]>>[number];
