import type { AccountId, DatasetId } from "@gradients/kernel";
import { sql } from "kysely";
import type { GatewayQuery, GatewayTx } from "./database.ts";

/** A check that this process holds until its lease runs out. */
export interface ClaimedCheck {
  readonly datasetId: DatasetId;
  readonly projectId: AccountId;
  readonly leaseId: string;
  /** Tries including this one. */
  readonly tries: number;
}

/** The channel that insertDatasetCheck notifies. */
export const datasetCheckChannel = "dataset_check";

/** Due at once; wakes a worker at commit. */
export async function insertDatasetCheck(tx: GatewayTx, datasetId: DatasetId): Promise<void> {
  await tx
    .insertInto("dataset_check")
    .values({ dataset_id: datasetId, due_at: tx.now, lease_id: null, tries: 0 })
    .execute();
  tx.notifyAfterCommit(datasetCheckChannel);
}

/** Takes the check that is due longest, skipping rows that another worker locks. A running check is due again when its lease is over. Index dataset_check_due. */
export async function claimDatasetCheck(
  q: GatewayQuery,
  leaseId: string,
  leaseSeconds: number,
): Promise<ClaimedCheck | undefined> {
  const { rows } = await sql<{ dataset_id: DatasetId; project_id: AccountId; tries: number }>`
    update dataset_check as task
    set lease_id = ${leaseId}, tries = tries + 1, due_at = now() + make_interval(secs => ${leaseSeconds})
    from dataset
    where dataset.dataset_id = task.dataset_id and task.dataset_id = (
      select dataset_id from dataset_check where due_at <= now() order by due_at limit 1 for update skip locked)
    returning task.dataset_id, dataset.project_id, task.tries`.execute(q);
  const row = rows[0];
  return row && { datasetId: row.dataset_id, projectId: row.project_id, leaseId, tries: row.tries };
}

/** False when the lease was lost to another worker: this one must stop. */
export async function extendDatasetCheck(
  q: GatewayQuery,
  { datasetId, leaseId }: ClaimedCheck,
  leaseSeconds: number,
): Promise<boolean> {
  const { numUpdatedRows } = await q
    .updateTable("dataset_check")
    .set({ due_at: sql<Date>`now() + make_interval(secs => ${leaseSeconds})` })
    .where("dataset_id", "=", datasetId)
    .where("lease_id", "=", leaseId)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Lets another worker take the check at once. The try does not count: nothing was wrong with it. */
export async function releaseDatasetCheck(
  q: GatewayQuery,
  { datasetId, leaseId, tries }: ClaimedCheck,
): Promise<void> {
  await q
    .updateTable("dataset_check")
    .set({ due_at: sql<Date>`now()`, lease_id: null, tries: tries - 1 })
    .where("dataset_id", "=", datasetId)
    .where("lease_id", "=", leaseId)
    .execute();
}

/** Ends the check. False when the lease was lost: the result must not be stored then. */
export async function deleteDatasetCheck(
  tx: GatewayTx,
  { datasetId, leaseId }: ClaimedCheck,
): Promise<boolean> {
  const query = tx
    .deleteFrom("dataset_check")
    .where("dataset_id", "=", datasetId)
    .where("lease_id", "=", leaseId);
  const { numDeletedRows } = await query.executeTakeFirst();
  return numDeletedRows === 1n;
}
