import { type Invariant, windowStartId } from "@gradients/db";

/** SQL for the number of events of a type about one aggregate, from a service's young outbox rows. */
export function eventsOf(...types: readonly string[]): string {
  const names = types.map((type) => `'gradients.event.v1.${type}'`).join(", ");
  return `select headers ->> 'ce-subject' as subject, count(*) as events from outbox
    where event_id >= ${windowStartId} and type in (${names}) group by 1`;
}

/** Of each schema with the bus's tables. */
export const busInvariants: readonly Invariant[] = [
  {
    id: "outbox-order",
    text: "No event of an aggregate waits for longer than a minute while a later one of it is published (index outbox_unpublished).",
    sql: `
      select waiting.id, waiting.event_id, waiting.type, waiting.created_at
      from (select id, event_id, type, headers, created_at from outbox where published_at is null order by id limit 20) as waiting
      where waiting.created_at < now() - interval '1 minute' and exists (
        select from outbox as later
        where later.id > waiting.id and later.published_at < now() - interval '1 minute'
          and later.headers ->> 'ce-subject' = waiting.headers ->> 'ce-subject')`,
  },
  {
    id: "dead-letter-of-handled-event",
    text: "An event was handled or put aside, never both (primary key of inbox).",
    sql: `
      select letter.id, letter.consumer, letter.event_id from dead_letter as letter
      join inbox on inbox.consumer = letter.consumer and inbox.event_id = letter.event_id
      where letter.replayed_at is null and letter.event_id >= ${windowStartId}`,
  },
];
