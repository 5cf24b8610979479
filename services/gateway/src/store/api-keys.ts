import type { AccountId } from "@gradients/kernel";
import type { Selectable } from "kysely";
import type { ApiKeyRecord } from "../domain/api-key.ts";
import type { GatewayQuery, GatewayTx } from "./database.ts";
import type { GatewayTables } from "./schema.ts";

export interface StoredApiKey extends ApiKeyRecord {
  readonly keyId: string;
  readonly projectId: AccountId;
  readonly displayName: string;
  readonly createdAt: Date;
}

const columns = [
  "key_id",
  "project_id",
  "display_name",
  "prefix",
  "secret_sha256",
  "created_at",
  "expires_at",
  "revoked_at",
] as const;

/** False when another key has the same prefix. */
export async function insertApiKey(tx: GatewayTx, key: StoredApiKey): Promise<boolean> {
  const row = {
    key_id: key.keyId,
    project_id: key.projectId,
    display_name: key.displayName,
    prefix: key.prefix,
    secret_sha256: key.secretSha256,
    created_at: key.createdAt,
    expires_at: key.expiresAt ?? null,
    revoked_at: key.revokedAt ?? null,
  };
  const result = await tx
    .insertInto("api_key")
    .values(row)
    .onConflict((conflict) => conflict.column("prefix").doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** By the unique index on the prefix, no lock. */
export async function findApiKeyByPrefix(q: GatewayQuery, prefix: string): Promise<StoredApiKey | undefined> {
  const row = await q.selectFrom("api_key").select(columns).where("prefix", "=", prefix).executeTakeFirst();
  return row && toApiKey(row);
}

/** By primary key, with a row lock. */
export async function lockApiKey(
  tx: GatewayTx,
  projectId: AccountId,
  keyId: string,
): Promise<StoredApiKey | undefined> {
  const query = tx
    .selectFrom("api_key")
    .select(columns)
    .where("key_id", "=", keyId)
    .where("project_id", "=", projectId);
  const row = await query.forUpdate().executeTakeFirst();
  return row && toApiKey(row);
}

export async function setApiKeyRevoked(tx: GatewayTx, keyId: string, revokedAt: Date): Promise<void> {
  await tx.updateTable("api_key").set({ revoked_at: revokedAt }).where("key_id", "=", keyId).execute();
}

/** Newest first, by index api_key_by_project. */
export async function listApiKeys(
  q: GatewayQuery,
  projectId: AccountId,
  limit: number,
  after?: string,
): Promise<readonly StoredApiKey[]> {
  const query = q
    .selectFrom("api_key")
    .select(columns)
    .where("project_id", "=", projectId)
    .orderBy("key_id", "desc")
    .limit(limit);
  const rows = await (after === undefined ? query : query.where("key_id", "<", after)).execute();
  return rows.map(toApiKey);
}

function toApiKey(row: Selectable<GatewayTables["api_key"]>): StoredApiKey {
  return {
    keyId: row.key_id,
    projectId: row.project_id,
    displayName: row.display_name,
    prefix: row.prefix,
    secretSha256: row.secret_sha256,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
  };
}
