import type { Database, Tx } from "@gradients/db";
import type { AttemptId } from "@gradients/kernel";
import { type Selectable, sql } from "kysely";
import { isFinal } from "../domain/attempt-machine.ts";
import type { Upload, UploadOwner } from "../domain/uploads.ts";
import type { Tables } from "./schema.ts";

const columns = [
  "upload_id",
  "attempt_id",
  "epoch",
  "purpose",
  "step",
  "file_name",
  "object_key",
  "size",
  "sha256",
  "s3_upload_id",
  "completed",
] as const;

export async function insertUpload(tx: Tx<Tables>, upload: Upload): Promise<void> {
  await tx
    .insertInto("upload")
    .values({
      upload_id: upload.uploadId,
      attempt_id: upload.attemptId,
      epoch: upload.epoch,
      purpose: upload.purpose,
      step: BigInt(upload.step),
      file_name: upload.file.name,
      object_key: upload.file.object.key,
      size: BigInt(upload.file.object.size),
      sha256: upload.file.object.sha256,
      s3_upload_id: upload.s3UploadId,
      completed: upload.completed,
    })
    .execute();
}

/** By primary key. */
export async function recordOpened(tx: Tx<Tables>, uploadId: string, s3UploadId: string): Promise<void> {
  await tx
    .updateTable("upload")
    .set({ s3_upload_id: s3UploadId })
    .where("upload_id", "=", uploadId)
    .execute();
}

/** No lock. By primary key. */
export async function findUpload(db: Database<Tables>, uploadId: string): Promise<Upload | undefined> {
  const row = await db.q
    .selectFrom("upload")
    .select(columns)
    .where("upload_id", "=", uploadId)
    .executeTakeFirst();
  return row && toUpload(row);
}

/** By primary key. */
export async function markUploadCompleted(tx: Tx<Tables>, uploadId: string): Promise<void> {
  await tx.updateTable("upload").set({ completed: true }).where("upload_id", "=", uploadId).execute();
}

/** What one placement of an attempt has brought to the store in whole. Index upload_attempt. */
export async function listCompletedUploads(
  tx: Tx<Tables>,
  attemptId: AttemptId,
  epoch: number,
): Promise<readonly Upload[]> {
  const rows = await tx
    .selectFrom("upload")
    .select(columns)
    .where("attempt_id", "=", attemptId)
    .where("epoch", "=", epoch)
    .where("completed", "=", true)
    .execute();
  return rows.map(toUpload);
}

/**
 * The oldest uploads that are not to be kept, by the rule of `fateOfUpload`, each with what decides it. No lock: what is dead stays dead. Index
 * upload_attempt.
 */
export async function listUploadsToSettle(
  db: Database<Tables>,
  limit: number,
): Promise<readonly { readonly upload: Upload; readonly owner: UploadOwner }[]> {
  const rows = await db.q
    .selectFrom("upload")
    .innerJoin("attempt", "attempt.attempt_id", "upload.attempt_id")
    .select(columns.map((column) => `upload.${column}` as const))
    .select(["attempt.state", "attempt.epoch as attempt_epoch", "attempt.checkpoint", "attempt.result"])
    .where(isDecided)
    .orderBy("upload.created_at")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    upload: toUpload(row),
    owner: {
      isOver: isFinal(row.state),
      epoch: row.attempt_epoch,
      checkpoint: row.checkpoint,
      result: row.result,
    },
  }));
}

const isDecided = sql<boolean>`(
  attempt.finished_at is not null
  or (
    (
      upload.epoch < attempt.epoch
      or (
        upload.completed and upload.purpose = 'checkpoint'
        and upload.step < (attempt.checkpoint ->> 'step')::numeric
      )
    )
    and not coalesce(
      upload.completed and attempt.checkpoint -> 'files'
        @> jsonb_build_array(jsonb_build_object('object', jsonb_build_object('key', upload.object_key))),
      false
    )
  )
)`;

/** By primary key. */
export async function deleteUpload(db: Database<Tables>, uploadId: string): Promise<void> {
  await db.q.deleteFrom("upload").where("upload_id", "=", uploadId).execute();
}

type Row = Pick<Selectable<Tables["upload"]>, (typeof columns)[number]>;

function toUpload(row: Row): Upload {
  return {
    uploadId: row.upload_id,
    attemptId: row.attempt_id as AttemptId,
    epoch: row.epoch,
    purpose: row.purpose,
    step: Number(row.step),
    file: {
      name: row.file_name,
      object: { key: row.object_key, size: Number(row.size), sha256: row.sha256 },
    },
    s3UploadId: row.s3_upload_id,
    completed: row.completed,
  };
}
