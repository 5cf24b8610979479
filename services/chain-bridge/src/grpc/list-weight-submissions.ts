import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ListWeightSubmissionsRequest,
  type ListWeightSubmissionsResponseSchema,
  type WeightSubmissionSchema,
  SubmissionState as WireState,
} from "@gradients/contracts/chain";
import type { Deps } from "../deps.ts";
import { describeProblem } from "../domain/chain-problem.ts";
import type { SubmissionState } from "../domain/submission.ts";
import { listSubmissions, type Submission } from "../store/submissions.ts";
import { askedChain } from "./chain-key.ts";

const DEFAULT_PAGE = 50;

export const listWeightSubmissions =
  (deps: Deps) =>
  async ({
    pageSize,
  }: ListWeightSubmissionsRequest): Promise<MessageInitShape<typeof ListWeightSubmissionsResponseSchema>> => {
    const key = await askedChain(deps);
    if (!key) return {};
    return { submissions: (await listSubmissions(deps.db, key, pageSize || DEFAULT_PAGE)).map(toWire) };
  };

const wireStates: Readonly<Record<SubmissionState, WireState>> = {
  intended: WireState.INTENDED,
  submitted: WireState.SUBMITTED,
  finalized: WireState.FINALIZED,
  failed: WireState.FAILED,
};

function toWire(submission: Submission): MessageInitShape<typeof WeightSubmissionSchema> {
  return {
    submissionId: submission.submissionId,
    epoch: submission.epoch,
    state: wireStates[submission.state],
    weights: submission.weights.map(({ hotkey, uid, weight }) => ({ hotkey, uid, weight })),
    extrinsicHash: submission.extrinsicHash,
    blockHash: submission.blockHash ?? "",
    blockNumber: BigInt(submission.blockNumber ?? 0),
    error: submission.problem ? describeProblem(submission.problem) : "",
    createdAt: timestampFromDate(submission.createdAt),
  };
}
