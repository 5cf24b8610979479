import type { GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { listApiKeys as loadKeys } from "../store/api-keys.ts";
import { encodeApiKey } from "../wire/api-key.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { pageOf } from "./page.ts";

export const listApiKeys =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.listApiKeys> =>
  async (request, ctx) => {
    const projectId = ownProject(ctx, request.parent);
    const load = (limit: number, after?: string) => loadKeys(db.q, projectId, limit, after);
    const { items, nextPageToken } = await pageOf(
      request,
      ["ListApiKeys", request.parent],
      ({ keyId }) => keyId,
      load,
    );
    return { apiKeys: items.map(encodeApiKey), nextPageToken };
  };
