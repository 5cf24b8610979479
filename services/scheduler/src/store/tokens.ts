import { createHash, randomBytes } from "node:crypto";
import type { Database, Tx } from "@gradients/db";
import type { AttemptId, JobId } from "@gradients/kernel";
import { sql } from "kysely";
import type { Tables } from "./schema.ts";

/** Who a bearer token stands for. */
export interface TokenHolder {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly epoch: number;
}

export interface NewToken {
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly sha256: Buffer;
}

/** One more token for each placement: one that was given out before may be in use by a pod. */
export async function saveTokens(tx: Tx<Tables>, tokens: readonly NewToken[]): Promise<void> {
  const ids = tokens.map(({ attemptId }) => attemptId);
  const epochs = tokens.map(({ epoch }) => epoch);
  const digests = tokens.map(({ sha256 }) => sha256.toString("hex"));
  await sql`
    insert into attempt_token (attempt_id, epoch, token_sha256)
    select id, epoch, decode(digest, 'hex') from unnest(${ids}::text[], ${epochs}::int[], ${digests}::text[]) as token (id, epoch, digest)`.execute(
    tx,
  );
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

/** What a pod says to prove whose it is. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
