import { type AccountId, newId } from "@gradients/kernel";
import { digestOfApiKey, prefixOfApiKey } from "../domain/api-key.ts";
import { findApiKeyByPrefix, insertApiKey } from "../store/api-keys.ts";
import type { GatewayDatabase } from "../store/database.ts";
import { insertProject } from "../store/projects.ts";

/** Makes the operator's first key exist, with a project of its own. A key that was revoked stays so. */
export async function ensureBootstrapKey(db: GatewayDatabase, key: string): Promise<void> {
  const prefix = prefixOfApiKey(key);
  if (prefix === undefined) throw new Error("The bootstrap key is no API key"); // the configuration has checked it
  await db.tx(async (tx) => {
    const known = await findApiKeyByPrefix(tx, prefix);
    if (known && Buffer.from(known.secretSha256).equals(digestOfApiKey(key))) return;
    if (known) throw new Error("Another API key has the bootstrap key's prefix");
    const projectId = newId<AccountId>();
    await insertProject(tx, { projectId, displayName: "First project" });
    await insertApiKey(tx, {
      keyId: newId(),
      projectId,
      displayName: "Bootstrap key",
      prefix,
      secretSha256: digestOfApiKey(key),
      createdAt: tx.now,
      expiresAt: undefined,
      revokedAt: undefined,
    });
  });
}
