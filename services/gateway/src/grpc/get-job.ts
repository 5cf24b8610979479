import { type GatewayService, JobSchema } from "@gradients/contracts/gateway";
import type { JobId } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { encodeJob } from "../wire/job.ts";
import { ownChild } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { getOwnJob } from "./own-job.ts";
import { applyMask, parseReadMask } from "./read-mask.ts";

export const getJob =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.getJob> =>
  async ({ name, readMask }, ctx) => {
    const mask = parseReadMask(JobSchema, readMask);
    const view = await getOwnJob(db.q, name, ownChild<JobId>(ctx, "Job", "jobs", name));
    return { job: applyMask(JobSchema, encodeJob(view), mask) };
  };
