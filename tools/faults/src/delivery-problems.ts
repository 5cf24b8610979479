import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import type { Query } from "./record-problems.ts";
import type { Violation } from "./violation.ts";

const schemas = ["gateway", "scheduler", "scorer", "chain_bridge"] as const;

const SENT = "outboxes are empty";
const TAKEN_IN = "every event is taken in by whoever listens to it";

export const deliveryPromises = [SENT, TAKEN_IN];

/** Outboxes are empty, and whoever listens to an event has taken it in. */
export async function deliveryProblems(query: Query, natsUrl: string): Promise<readonly Violation[]> {
  const [unsent, missed] = await Promise.all([unpublished(query), notTakenIn(query, natsUrl)]);
  return [...unsent, ...missed];
}

async function unpublished(query: Query): Promise<readonly Violation[]> {
  const rows = await query(
    schemas
      .map(
        (schema) => `select '${schema}' as service, type, event_id from ${schema}.outbox
          where published_at is null and created_at < now() - interval '5 seconds'`,
      )
      .join(" union all "),
  );
  return rows.map((row) => ({ promise: SENT, detail: JSON.stringify(row) }));
}

/** The server knows who listens to what; an event of any outbox to which a consumer listens must be in its inbox. */
async function notTakenIn(query: Query, natsUrl: string): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  for (const { consumer, subjects } of await listeners(natsUrl)) {
    const schema = consumer.replaceAll("-", "_");
    for (const owner of schemas) {
      const rows = await query(
        `select o.type, o.event_id from ${owner}.outbox o where o.subject = any($1)
          and o.published_at < now() - interval '5 seconds'
          and not exists (select 1 from ${schema}.inbox i where i.consumer = $2 and i.event_id = o.event_id)`,
        [subjects, consumer],
      );
      violations.push(
        ...rows.map((row) => ({
          promise: TAKEN_IN,
          detail: `${consumer} lacks ${JSON.stringify(row)}`,
        })),
      );
    }
  }
  return violations;
}

interface Listener {
  readonly consumer: string;
  readonly subjects: readonly string[];
}

async function listeners(natsUrl: string): Promise<readonly Listener[]> {
  const connection = await connect({ servers: natsUrl });
  try {
    const manager = await jetstreamManager(connection);
    const found: Listener[] = [];
    for await (const { name, config } of manager.consumers.list("EVENTS"))
      found.push({ consumer: name, subjects: config.filter_subjects ?? [config.filter_subject ?? ""] });
    return found;
  } finally {
    await connection.close();
  }
}
