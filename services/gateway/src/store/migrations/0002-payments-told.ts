import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** When a job's log last told of payments. Their entries become totals, one for each hotkey. */
export const paymentsTold: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};

const statements = [
  "alter table job add column payments_told_at timestamptz",
  `update job set payments = (
    select coalesce(jsonb_agg(jsonb_build_object(
      'hotkey', hotkey, 'amount_rao', amount::text, 'epoch', epoch::text, 'block_number', block_number::text
    )), '[]')
    from (
      select entry->>'hotkey' as hotkey, sum((entry->>'amount_rao')::numeric) as amount,
        max((entry->>'epoch')::bigint) as epoch, max((entry->>'block_number')::bigint) as block_number
      from jsonb_array_elements(payments) as entry group by 1
    ) as total
  ) where jsonb_array_length(payments) > 0`,
];
