import type { GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { createApiKey as create } from "../app/api-keys.ts";
import { encodeApiKey } from "../wire/api-key.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";

export const createApiKey =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.createApiKey> =>
  async ({ parent, displayName, validDays }, ctx) => {
    const { key, secret } = await create({ db })({
      projectId: ownProject(ctx, parent),
      displayName,
      validDays,
    });
    return { apiKey: encodeApiKey(key), secret };
  };
