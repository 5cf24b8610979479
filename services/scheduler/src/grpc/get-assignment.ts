import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AttemptKind, type AttemptService, type InputSchema } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { assignAttempt } from "../app/assign-attempt.ts";
import type { Deps } from "../deps.ts";
import type { AssignedInput } from "../domain/assignment.ts";
import { holderOf } from "./authenticate-agent.ts";
import { attemptRejected } from "./errors.ts";

/** Several heartbeats fit into one lease, so that a lost one costs nothing. */
const HEARTBEATS_PER_LEASE = 5;

export function getAssignment(deps: Deps): MethodImpl<(typeof AttemptService)["method"]["getAssignment"]> {
  return async ({ epoch }, ctx) => {
    const assigned = await assignAttempt(deps, holderOf(ctx, epoch));
    if (!assigned.ok) throw attemptRejected(assigned.error);
    failpoint("scheduler.attempt-assigned");
    const { attempt, inputs, engineSpec, hardDeadline, remainingSeconds } = assigned.value;
    return {
      jobId: attempt.jobId,
      attemptId: attempt.attemptId,
      kind: attempt.work.kind === "train" ? AttemptKind.TRAIN : AttemptKind.EVALUATE,
      inputs: await Promise.all(inputs.map((input) => withUrl(deps, input))),
      engineSpecJson: JSON.stringify(engineSpec),
      hardDeadline: timestampFromDate(hardDeadline),
      remainingSeconds,
      heartbeatSeconds: deps.rules.leaseSeconds / HEARTBEATS_PER_LEASE,
    };
  };
}

async function withUrl(
  { objects, limits }: Deps,
  { path, object, cacheable }: AssignedInput,
): Promise<MessageInitShape<typeof InputSchema>> {
  const url = await objects.presignGet(object.key, { expiresSeconds: limits.urlSeconds });
  return { path, url, size: BigInt(object.size), sha256: object.sha256, cacheable };
}
