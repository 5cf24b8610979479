import type { DatasetId } from "@gradients/kernel";
import { sql } from "kysely";
import type { GatewayQuery, GatewayTx } from "./database.ts";

/** Notes an upload before its first byte goes to the object store, so that what a crash leaves behind is found. */
export async function insertUpload(q: GatewayQuery, datasetId: DatasetId, ttlSeconds: number): Promise<void> {
  const expires = sql<Date>`now() + make_interval(secs => ${ttlSeconds})`;
  await q.insertInto("upload").values({ dataset_id: datasetId, expires_at: expires }).execute();
}

/** Makes an upload due for removal. False when it has become a data set, or was removed. */
export async function expireUpload(q: GatewayQuery, datasetId: DatasetId): Promise<boolean> {
  const expired = { expires_at: sql<Date>`now()` };
  const { numUpdatedRows } = await q
    .updateTable("upload")
    .set(expired)
    .where("dataset_id", "=", datasetId)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** For an upload that becomes a data set. False when it was given up meanwhile: its object may be gone already. By the clock, since a transaction's own time may lie before that. */
export async function takeUpload(tx: GatewayTx, datasetId: DatasetId): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom("upload")
    .where("dataset_id", "=", datasetId)
    .where("expires_at", ">", sql<Date>`clock_timestamp()`)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** For an upload of which nothing is left. */
export async function deleteUpload(q: GatewayQuery, datasetId: DatasetId): Promise<void> {
  await q.deleteFrom("upload").where("dataset_id", "=", datasetId).execute();
}

/** Expired uploads, no lock: removing one twice does no harm. The table is short. */
export async function listExpiredUploads(q: GatewayQuery): Promise<readonly DatasetId[]> {
  const rows = await q
    .selectFrom("upload")
    .select("dataset_id")
    .where("expires_at", "<", sql<Date>`now()`)
    .limit(50)
    .execute();
  return rows.map((row) => row.dataset_id);
}
