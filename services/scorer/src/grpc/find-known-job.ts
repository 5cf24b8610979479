import type { JobId } from "@gradients/kernel";
import { RpcError } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import type { Job } from "../domain/job.ts";
import { findJob } from "../store/jobs.ts";

/** The job, or NOT_FOUND. */
export async function findKnownJob({ db }: Pick<Deps, "db">, jobId: string): Promise<Job> {
  const job = await findJob(db, jobId as JobId);
  if (!job)
    throw new RpcError("NOT_FOUND", "JOB_NOT_FOUND", `The scorer knows no job ${jobId}.`, {
      resource: { type: "job", name: jobId },
    });
  return job;
}
