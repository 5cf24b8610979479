import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { GatewayService } from "@gradients/contracts/gateway";
import type { JobId } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { jobResult } from "../app/job-result.ts";
import { modelName } from "../domain/resource-names.ts";
import { ownChild } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { getOwnJob } from "./own-job.ts";

export const getJobResult =
  ({ db, objects, clock, config }: MethodDeps): MethodImpl<typeof GatewayService.method.getJobResult> =>
  async ({ name, attemptId }, ctx) => {
    const view = await getOwnJob(db.q, name, ownChild<JobId>(ctx, "Job", "jobs", name));
    const result = await jobResult({ objects, clock, downloadSeconds: config.downloadSeconds })(
      view,
      attemptId,
    );
    return {
      attemptId: result.attemptId,
      model: modelName(view.job.spec.modelId),
      files: [...result.files],
      ...(result.evidence && { evidence: result.evidence }),
      ...(result.heldout && { heldout: result.heldout }),
      expireTime: timestampFromDate(result.expiresAt),
    };
  };
