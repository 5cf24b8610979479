import type { GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { revokeApiKey as revoke } from "../app/api-keys.ts";
import { encodeApiKey } from "../wire/api-key.ts";
import { ownChild } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";

export const revokeApiKey =
  ({ db, keys }: MethodDeps): MethodImpl<typeof GatewayService.method.revokeApiKey> =>
  async ({ name }, ctx) => {
    const { projectId, id } = ownChild<string>(ctx, "ApiKey", "apiKeys", name);
    return { apiKey: encodeApiKey(await revoke({ db, keys })(projectId, id)) };
  };
