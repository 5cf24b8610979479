import { sql } from "kysely";
import type { BridgeDatabase } from "./schema.ts";

export interface LastTimes {
  readonly now: Date;
  /** When weights were last found finalized. */
  readonly weights: Date | null;
  /** When a finalized block was last booked. */
  readonly block: Date | null;
}

/** Over all chains that this database knows; submissions are one in an epoch. */
export async function readLastTimes({ q }: BridgeDatabase): Promise<LastTimes> {
  const { rows } = await sql<LastTimes>`
    select now() as now, (select max(updated_at) from weight_submission where state = 'finalized') as weights,
      (select max(updated_at) from chain_cursor) as block`.execute(q);
  if (!rows[0]) throw new Error("The database did not tell its time");
  return rows[0];
}
