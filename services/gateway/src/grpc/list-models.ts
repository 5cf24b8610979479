import type { GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { listModels as loadModels } from "../store/models.ts";
import { encodeModel } from "../wire/model.ts";
import type { MethodDeps } from "./deps.ts";
import { pageOf } from "./page.ts";

export const listModels =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.listModels> =>
  async (request) => {
    const load = (limit: number, after?: string) => loadModels(db.q, limit, after);
    const { items, nextPageToken } = await pageOf(request, ["ListModels"], ({ modelId }) => modelId, load);
    return { models: items.map(encodeModel), nextPageToken };
  };
