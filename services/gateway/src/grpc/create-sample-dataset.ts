import { CreateSampleDatasetRequestSchema, type GatewayService } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { createSampleDataset as createSample } from "../app/create-sample-dataset.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { repeatable } from "./request-key.ts";

export const createSampleDataset =
  (deps: MethodDeps): MethodImpl<typeof GatewayService.method.createSampleDataset> =>
  async (request, ctx) => {
    const projectId = ownProject(ctx, request.parent);
    const key = repeatable(ctx, "CreateSampleDataset", CreateSampleDatasetRequestSchema, request);
    const sample = createSample({
      ...deps,
      limits: deps.config.uploads,
      samplePath: deps.config.sampleDataset,
    });
    return { dataset: await sample(projectId, key, ctx.signal) };
  };
