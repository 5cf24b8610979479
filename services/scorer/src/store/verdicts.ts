import type { Database, Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { Tables } from "./schema.ts";

/** `message` is the encoded JobScored event. By primary key. */
export async function insertVerdict(tx: Tx<Tables>, jobId: JobId, message: Uint8Array): Promise<void> {
  await tx.insertInto("verdict").values({ job_id: jobId, message }).execute();
}

/** By primary key. */
export async function findVerdict(db: Database<Tables>, jobId: JobId): Promise<Uint8Array | undefined> {
  const row = await db.q
    .selectFrom("verdict")
    .select("message")
    .where("job_id", "=", jobId)
    .executeTakeFirst();
  return row?.message;
}
