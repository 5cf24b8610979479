import type { AttemptId, JobId } from "@gradients/kernel";
import { type Kysely, sql } from "kysely";
import type { QueuedAttempt } from "../domain/plan-placements.ts";
import type { Tables } from "./schema.ts";

interface Row {
  readonly attempt_id: string;
  readonly job_id: string;
  readonly account_id: string;
  readonly hardware_class: string;
  readonly queued_since: Date;
  readonly in_gang: boolean;
  readonly gang: number;
  readonly now_ms: number;
}

export interface Queue {
  readonly attempts: readonly QueuedAttempt[];
  /** When that was so, by database time. */
  readonly now: Date;
}

/**
 * The oldest of every account in every hardware class, so that no account's flood hides another's work. A race that the limit would cut in two is left for
 * later. Undefined when nobody waits. No lock. Index attempt_queued.
 */
export async function findQueue(q: Kysely<Tables>, limit: number): Promise<Queue | undefined> {
  const { rows } = await sql<Row>`
    select attempt_id, job_id, account_id, hardware_class, queued_since, in_gang, gang,
      (extract(epoch from now()) * 1000)::float8 as now_ms
    from (
      select attempt_id, job_id, account_id, hardware_class, queued_since, kind = 'train' and epoch = 0 as in_gang,
        row_number() over (partition by hardware_class, account_id order by queued_since, job_id, attempt_id) as place,
        (count(*) filter (where kind = 'train' and epoch = 0) over (partition by job_id, hardware_class))::int as gang
      from attempt where state = 'queued' and not_before <= now()
    ) as queued
    where place <= ${limit}
    order by queued_since, job_id`.execute(q);
  const [first] = rows;
  return first && { attempts: wholeRaces(rows).map(toQueued), now: new Date(first.now_ms) };
}

function toQueued(row: Row): QueuedAttempt {
  return {
    attemptId: row.attempt_id as AttemptId,
    jobId: row.job_id as JobId,
    accountId: row.account_id,
    hardwareClass: row.hardware_class,
    inGang: row.in_gang,
    queuedSince: row.queued_since,
  };
}

function wholeRaces(rows: readonly Row[]): readonly Row[] {
  const keyOf = ({ job_id, hardware_class }: Row) => `${job_id}/${hardware_class}`;
  const found = new Map<string, number>();
  for (const row of rows) if (row.in_gang) found.set(keyOf(row), (found.get(keyOf(row)) ?? 0) + 1);
  return rows.filter((row) => !row.in_gang || found.get(keyOf(row)) === row.gang);
}
