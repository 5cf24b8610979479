import type { GatewayService } from "@gradients/contracts/gateway";
import type { JobId } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { isEnded } from "../domain/job.ts";
import { Refused } from "../domain/refusal.ts";
import { ownChild } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { getOwnJob } from "./own-job.ts";

export const watchJob = ({ db, feed }: MethodDeps): MethodImpl<typeof GatewayService.method.watchJob> =>
  async function* ({ name, afterOffset }, ctx) {
    const child = ownChild<JobId>(ctx, "Job", "jobs", name);
    const { job } = await getOwnJob(db.q, name, child);
    if (afterOffset > job.eventOffset)
      throw new Refused({ code: "offset_unknown", found: afterOffset, last: job.eventOffset });
    const endedAt = isEnded(job.state) ? job.eventOffset : undefined;
    yield* feed.watch({ jobId: child.id, after: afterOffset, endedAt }, ctx.signal);
  };
