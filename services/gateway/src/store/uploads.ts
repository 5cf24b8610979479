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

/** False when the upload was given up meanwhile. */
export async function deleteUpload(tx: GatewayTx | GatewayQuery, datasetId: DatasetId): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom("upload")
    .where("dataset_id", "=", datasetId)
    .executeTakeFirst();
  return numDeletedRows === 1n;
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
