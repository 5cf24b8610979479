import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetSplitRequest, GetSplitResponseSchema } from "@gradients/contracts/scorer";
import { RpcError } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { findSplit } from "../store/splits.ts";
import { findKnownJob } from "./find-known-job.ts";

/** Counts and commitment. Salt and rows stay secret; the verdict reveals the salt. */
export const getSplit =
  (deps: Pick<Deps, "db">) =>
  async ({ jobId }: GetSplitRequest): Promise<MessageInitShape<typeof GetSplitResponseSchema>> => {
    const job = await findKnownJob(deps, jobId);
    const split = await findSplit(deps.db, job.jobId);
    if (!split) {
      const message = `The data set of job ${jobId} is not split; the job is ${job.state}.`;
      throw new RpcError("FAILED_PRECONDITION", "SPLIT_NOT_COMMITTED", message, {
        metadata: { state: job.state },
      });
    }
    const { trainRows, heldoutRows, commitment } = split;
    return { jobId, trainRows, heldoutRows: heldoutRows.length, heldoutCommitment: commitment };
  };
