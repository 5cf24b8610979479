import type { GatewayService } from "@gradients/contracts/gateway";
import type { JobId } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { cancelJob as cancel } from "../app/cancel-job.ts";
import { encodeJob } from "../wire/job.ts";
import { ownChild } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";

export const cancelJob =
  ({ db, observe }: MethodDeps): MethodImpl<typeof GatewayService.method.cancelJob> =>
  async ({ name }, ctx) => {
    const { projectId, id } = ownChild<JobId>(ctx, "Job", "jobs", name);
    const { view, isNew } = await cancel({ db })(projectId, id);
    if (isNew) observe.jobCancelled(name);
    return { job: encodeJob(view) };
  };
