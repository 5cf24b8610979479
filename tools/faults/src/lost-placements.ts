import pg from "pg";
import type { System } from "./system.ts";
import type { Violation } from "./violation.ts";

export const PLACEMENTS_PROMISE = "no attempt is begun anew but for a killed trainer";

/** For faults under which all goes on: at most as many placements are lost as trainers were killed. */
export async function lostPlacements(
  { servers }: Pick<System, "servers">,
  killedTrainers: number,
): Promise<readonly Violation[]> {
  const client = new pg.Client({ connectionString: servers.postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ attempt_id: string; epoch: number }>(
      "select attempt_id, epoch from scheduler.attempt where epoch > 0",
    );
    const lost = rows.reduce((sum, { epoch }) => sum + epoch, 0);
    if (lost <= killedTrainers) return [];
    const detail = `${lost} placements were lost, ${killedTrainers} trainers were killed: ${JSON.stringify(rows)}`;
    return [{ promise: PLACEMENTS_PROMISE, detail }];
  } finally {
    await client.end();
  }
}
