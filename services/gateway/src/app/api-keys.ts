import { randomBytes } from "node:crypto";
import { type AccountId, newId } from "@gradients/kernel";
import { API_KEY_BYTES, digestOfApiKey, formatApiKey, prefixOfApiKey } from "../domain/api-key.ts";
import { Refused } from "../domain/refusal.ts";
import { apiKeyName } from "../domain/resource-names.ts";
import { insertApiKey, lockApiKey, type StoredApiKey, setApiKeyRevoked } from "../store/api-keys.ts";
import type { GatewayDatabase, GatewayTx } from "../store/database.ts";
import type { KeyCache } from "./key-cache.ts";

export interface NewApiKey {
  readonly projectId: AccountId;
  readonly displayName: string;
  /** 0 for a key that does not expire. */
  readonly validDays: number;
}

export interface CreatedApiKey {
  readonly key: StoredApiKey;
  /** The whole key; this is the only moment it is known. */
  readonly secret: string;
}

const DAY_MS = 24 * 3_600_000;
const MAX_TRIES = 5;

export const createApiKey = (deps: { readonly db: GatewayDatabase }) => (command: NewApiKey) =>
  deps.db.tx(async (tx): Promise<CreatedApiKey> => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const created = draw(command, tx.now);
      if (await insertApiKey(tx, created.key)) return created;
    }
    throw new Error("No free API key prefix was drawn");
  });

/** Revoking twice is revoking once. The key ends here at once, at other replicas when they look at it again. */
export const revokeApiKey =
  ({ db, keys }: { readonly db: GatewayDatabase; readonly keys: KeyCache }) =>
  async (projectId: AccountId, keyId: string): Promise<StoredApiKey> => {
    const key = await db.tx((tx) => revoke(tx, projectId, keyId));
    keys.forget(key.prefix);
    return key;
  };

async function revoke(tx: GatewayTx, projectId: AccountId, keyId: string): Promise<StoredApiKey> {
  const key = await lockApiKey(tx, projectId, keyId);
  if (!key) throw new Refused({ code: "not_found", resource: "ApiKey", name: apiKeyName(projectId, keyId) });
  if (key.revokedAt) return key;
  await setApiKeyRevoked(tx, keyId, tx.now);
  return { ...key, revokedAt: tx.now };
}

function draw({ projectId, displayName, validDays }: NewApiKey, now: Date): CreatedApiKey {
  const secret = formatApiKey(randomBytes(API_KEY_BYTES));
  const key = {
    keyId: newId(),
    projectId,
    displayName,
    prefix: prefixOfApiKey(secret) ?? "",
    secretSha256: digestOfApiKey(secret),
    createdAt: now,
    expiresAt: validDays === 0 ? undefined : new Date(now.getTime() + validDays * DAY_MS),
    revokedAt: undefined,
  };
  return { key, secret };
}
