import { createHash } from "node:crypto";
import type { Database, Tx } from "@gradients/db";
import type { AttemptId, JobId } from "@gradients/kernel";
import type { Tables } from "./schema.ts";

/** Who a bearer token stands for. */
export interface TokenHolder {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly epoch: number;
}

/** One more token for that placement: one that was given out before may be in use by a pod. */
export async function saveToken(
  tx: Tx<Tables>,
  attemptId: AttemptId,
  epoch: number,
  sha256: Buffer,
): Promise<void> {
  await tx
    .insertInto("attempt_token")
    .values({ attempt_id: attemptId, epoch, token_sha256: sha256 })
    .execute();
}

/** The token went to nobody. By primary key. */
export async function deleteToken(db: Database<Tables>, sha256: Buffer): Promise<void> {
  await db.q.deleteFrom("attempt_token").where("token_sha256", "=", sha256).execute();
}

/** No lock. By primary key. */
export async function findTokenHolder(
  db: Database<Tables>,
  sha256: Buffer,
): Promise<TokenHolder | undefined> {
  const row = await db.q
    .selectFrom("attempt_token")
    .innerJoin("attempt", "attempt.attempt_id", "attempt_token.attempt_id")
    .select(["attempt_token.attempt_id", "attempt_token.epoch", "attempt.job_id"])
    .where("attempt_token.token_sha256", "=", sha256)
    .executeTakeFirst();
  return row && { attemptId: row.attempt_id as AttemptId, jobId: row.job_id as JobId, epoch: row.epoch };
}

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
