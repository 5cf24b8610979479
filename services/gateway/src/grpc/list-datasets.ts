import type { GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { listDatasets as loadDatasets } from "../store/datasets.ts";
import { encodeDataset } from "../wire/dataset.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { pageOf } from "./page.ts";

export const listDatasets =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.listDatasets> =>
  async (request, ctx) => {
    const projectId = ownProject(ctx, request.parent);
    const load = (limit: number, after?: string) => loadDatasets(db.q, projectId, limit, after);
    const args = ["ListDatasets", request.parent];
    const { items, nextPageToken } = await pageOf(request, args, ({ datasetId }) => datasetId, load);
    return { datasets: items.map(encodeDataset), nextPageToken };
  };
