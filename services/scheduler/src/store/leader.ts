import type { Database, Tx } from "@gradients/db";
import type { Tables } from "./schema.ts";

/** A replica with a newer term leads: what this one wanted to write does not happen. */
class LeadershipLost extends Error {
  override readonly name = "LeadershipLost";
}

/** 0 when nobody led so far. By primary key. */
export async function newestTerm({ q }: Database<Tables>, name: string): Promise<bigint> {
  const row = await q.selectFrom("leader").select("term").where("name", "=", name).executeTakeFirst();
  return row?.term ?? 0n;
}

/** From here on, transactions of earlier terms fail. Throws LeadershipLost when ours is none of the newest. By primary key. */
export async function recordTerm(db: Database<Tables>, name: string, term: bigint): Promise<void> {
  const result = await db.q
    .insertInto("leader")
    .values({ name, term })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ term }).where("leader.term", "<", term))
    .executeTakeFirst();
  if ((result.numInsertedOrUpdatedRows ?? 0n) === 0n) throw new LeadershipLost(`Term ${term} is over`);
}

/** Every transaction first makes sure that no newer term was recorded, and that none is until it has committed. */
export function fenced(db: Database<Tables>, name: string, term: bigint): Database<Tables> {
  return {
    ...db,
    tx: (fn) =>
      db.tx(async (tx) => {
        await checkTerm(tx, name, term);
        return fn(tx);
      }),
  };
}

/** Shares the row's lock with other transactions of this term. By primary key. */
async function checkTerm(tx: Tx<Tables>, name: string, term: bigint): Promise<void> {
  const row = await tx
    .selectFrom("leader")
    .select("term")
    .where("name", "=", name)
    .forShare()
    .executeTakeFirst();
  if (row && row.term > term) throw new LeadershipLost(`Term ${term} is over, term ${row.term} leads`);
}
