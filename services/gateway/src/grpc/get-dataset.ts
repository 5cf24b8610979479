import type { GatewayService } from "@gradients/contracts/gateway";
import type { DatasetId } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { Refused } from "../domain/refusal.ts";
import { findDataset } from "../store/datasets.ts";
import { encodeDataset } from "../wire/dataset.ts";
import { ownChild } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";

export const getDataset =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.getDataset> =>
  async ({ name }, ctx) => {
    const { projectId, id } = ownChild<DatasetId>(ctx, "Dataset", "datasets", name);
    const dataset = await findDataset(db.q, projectId, id);
    if (!dataset) throw new Refused({ code: "not_found", resource: "Dataset", name });
    return { dataset: encodeDataset(dataset) };
  };
