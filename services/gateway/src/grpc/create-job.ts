import { create } from "@bufbuild/protobuf";
import {
  CreateJobRequestSchema,
  type GatewayService,
  type Job,
  JobSchema,
} from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { createJob as acceptJob } from "../app/create-job.ts";
import type { JobOrder } from "../domain/decide-job.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { repeatable } from "./request-key.ts";

export const createJob =
  ({ db, catalogue, config, observe }: MethodDeps): MethodImpl<typeof GatewayService.method.createJob> =>
  async (request, ctx) => {
    const projectId = ownProject(ctx, request.parent);
    const order = decode(request.job ?? create(JobSchema));
    const key = repeatable(ctx, "CreateJob", CreateJobRequestSchema, request);
    const limits = config.jobs;
    const accept = acceptJob({ db, catalogue, limits, deadlineSeconds: limits.deadlineSeconds });
    const { job, isNew } = await accept({
      projectId,
      order,
      request: key,
      validateOnly: request.validateOnly,
    });
    if (isNew) observe.jobAccepted(job.name);
    return { job };
  };

/** Output-only fields of the request are ignored (AIP-203). */
function decode({
  displayName,
  model,
  dataset,
  contestants,
  recipes,
  budgetSeconds,
  hardwareClass,
  maxLength,
}: Job): JobOrder {
  return { displayName, model, dataset, contestants, recipes, budgetSeconds, hardwareClass, maxLength };
}
