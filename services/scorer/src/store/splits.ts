import type { Database, Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { CommittedSplit } from "../domain/job.ts";
import type { Tables } from "./schema.ts";

/** By primary key. */
export async function insertSplit(tx: Tx<Tables>, jobId: JobId, split: CommittedSplit): Promise<void> {
  await tx
    .insertInto("split")
    .values({
      job_id: jobId,
      train: JSON.stringify(split.train),
      heldout: JSON.stringify(split.heldout),
      train_rows: split.trainRows,
      heldout_rows: JSON.stringify(split.heldoutRows),
      clusters: JSON.stringify(split.clusters),
      commitment: split.commitment,
      dropped_rows: JSON.stringify(split.droppedRows),
      policy: JSON.stringify(split.policy),
    })
    .execute();
}

/** No lock: a split never changes. By primary key. */
export async function findSplit(
  { q }: Pick<Database<Tables>, "q">,
  jobId: JobId,
): Promise<CommittedSplit | undefined> {
  const row = await q
    .selectFrom("split")
    .select([
      "train",
      "heldout",
      "train_rows",
      "heldout_rows",
      "clusters",
      "commitment",
      "dropped_rows",
      "policy",
    ])
    .where("job_id", "=", jobId)
    .executeTakeFirst();
  if (!row) return undefined;
  const { train_rows: trainRows, heldout_rows: heldoutRows, dropped_rows: droppedRows, ...same } = row;
  return { ...same, trainRows, heldoutRows, droppedRows };
}
