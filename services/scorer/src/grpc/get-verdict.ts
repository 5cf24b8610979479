import type { MessageInitShape } from "@bufbuild/protobuf";
import { decodeEvent } from "@gradients/contracts/catalogue";
import { JobScoredSchema } from "@gradients/contracts/event";
import type { GetVerdictRequest, GetVerdictResponseSchema } from "@gradients/contracts/scorer";
import { RpcError } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { findVerdict } from "../store/verdicts.ts";
import { findKnownJob } from "./find-known-job.ts";

export const getVerdict =
  (deps: Pick<Deps, "db">) =>
  async ({ jobId }: GetVerdictRequest): Promise<MessageInitShape<typeof GetVerdictResponseSchema>> => {
    const job = await findKnownJob(deps, jobId);
    const message = await findVerdict(deps.db, job.jobId);
    if (!message) {
      const text = `Job ${jobId} has no verdict; it is ${job.state}.`;
      throw new RpcError("FAILED_PRECONDITION", "NO_VERDICT", text, { metadata: { state: job.state } });
    }
    return { verdict: decodeEvent(JobScoredSchema, message) };
  };
