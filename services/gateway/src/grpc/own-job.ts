import type { AccountId, JobId } from "@gradients/kernel";
import type { JobView } from "../domain/job.ts";
import { Refused } from "../domain/refusal.ts";
import type { GatewayQuery } from "../store/database.ts";
import { findJob } from "../store/jobs.ts";

/** The job behind a name of the caller's project. Throws Refused when there is none. */
export async function getOwnJob(
  q: GatewayQuery,
  name: string,
  { projectId, id }: { projectId: AccountId; id: JobId },
): Promise<JobView> {
  const view = await findJob(q, projectId, id);
  if (!view) throw new Refused({ code: "not_found", resource: "Job", name });
  return view;
}
