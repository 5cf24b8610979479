import type { AccountId } from "@gradients/kernel";
import { sql } from "kysely";
import type { GatewayQuery, GatewayTx } from "./database.ts";

/** Who asked what under which id. */
export interface RequestKey {
  readonly projectId: AccountId;
  readonly method: string;
  readonly requestId: string;
}

export interface AnsweredRequest {
  readonly bodySha256: Uint8Array;
  /** The response message's bytes. */
  readonly response: Uint8Array;
}

/** Longer than any client retries. */
const KEEP_DAYS = 30;

/** Makes requests with the same key wait for each other until the transaction ends. */
export async function lockRequest(
  tx: GatewayTx,
  { projectId, method, requestId }: RequestKey,
): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`${projectId} ${method} ${requestId}`}, 0))`.execute(
    tx,
  );
}

/** By primary key, no lock. */
export async function findAnsweredRequest(
  q: GatewayQuery,
  key: RequestKey,
): Promise<AnsweredRequest | undefined> {
  const row = await q
    .selectFrom("answered_request")
    .select(["body_sha256", "response"])
    .where("project_id", "=", key.projectId)
    .where("method", "=", key.method)
    .where("request_id", "=", key.requestId)
    .executeTakeFirst();
  return row && { bodySha256: row.body_sha256, response: row.response };
}

export async function insertAnsweredRequest(
  tx: GatewayTx,
  key: RequestKey,
  answer: AnsweredRequest,
): Promise<void> {
  const row = {
    project_id: key.projectId,
    method: key.method,
    request_id: key.requestId,
    body_sha256: answer.bodySha256,
    response: answer.response,
    created_at: tx.now,
  };
  await tx.insertInto("answered_request").values(row).execute();
}

/** Index answered_request_by_age. */
export async function deleteOldAnsweredRequests(q: GatewayQuery): Promise<void> {
  await q
    .deleteFrom("answered_request")
    .where("created_at", "<", sql<Date>`now() - make_interval(days => ${KEEP_DAYS})`)
    .execute();
}
