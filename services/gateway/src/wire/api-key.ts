import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ApiKeySchema } from "@gradients/contracts/gateway";
import { apiKeyName } from "../domain/resource-names.ts";
import type { StoredApiKey } from "../store/api-keys.ts";

/** The key without its secret, which is not kept. */
export function encodeApiKey(key: StoredApiKey): MessageInitShape<typeof ApiKeySchema> {
  return {
    name: apiKeyName(key.projectId, key.keyId),
    displayName: key.displayName,
    prefix: `grd_${key.prefix}`,
    createTime: timestampFromDate(key.createdAt),
    ...(key.expiresAt && { expireTime: timestampFromDate(key.expiresAt) }),
    ...(key.revokedAt && { revokeTime: timestampFromDate(key.revokedAt) }),
  };
}
