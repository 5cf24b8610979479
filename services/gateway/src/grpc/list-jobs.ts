import { create } from "@bufbuild/protobuf";
import { type GatewayService, type Job, JobSchema } from "@gradients/contracts/gateway";
import type { MethodImpl } from "@gradients/rpc";
import { listJobs as loadJobs } from "../store/jobs.ts";
import { encodeJob } from "../wire/job.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { pageOf } from "./page.ts";
import { applyMask, type Mask, parseReadMask } from "./read-mask.ts";

export const listJobs =
  ({ db }: MethodDeps): MethodImpl<typeof GatewayService.method.listJobs> =>
  async (request, ctx) => {
    const projectId = ownProject(ctx, request.parent);
    const mask = parseReadMask(JobSchema, request.readMask);
    const load = (limit: number, after?: string) => loadJobs(db.q, projectId, limit, after);
    const args = ["ListJobs", request.parent, ...(request.readMask?.paths ?? [])];
    const { items, nextPageToken } = await pageOf(request, args, ({ job }) => job.jobId, load);
    return { jobs: items.map((view) => forList(encodeJob(view), mask)), nextPageToken };
  };

/** The samples are by far the longest part of a job; they come only when asked for. */
function forList(job: Job, mask: Mask): Job {
  if (mask !== "all") return applyMask(JobSchema, job, mask);
  return create(JobSchema, { ...job, ...(job.verdict && { verdict: { ...job.verdict, samples: [] } }) });
}
