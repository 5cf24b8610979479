import { timestampDate } from "@bufbuild/protobuf/wkt";
import { appendOutbox, type EventHandler, on } from "@gradients/bus";
import { type JobAccepted, JobAcceptedSchema } from "@gradients/contracts/event";
import { IncompleteMessage } from "@gradients/contracts/incomplete-message";
import type { JobId } from "@gradients/kernel";
import { acceptJob } from "../app/accept-job.ts";
import type { DecisionDeps } from "../deps.ts";
import { jobFailure } from "../domain/failures.ts";
import type { JobOrder } from "../domain/job.ts";
import type { Tables } from "../store/schema.ts";
import { toOrder } from "../wire.ts";
import { jobFailed } from "./published.ts";

/** An order that lacks something will never be whole: the job ends at once, where a dead letter would leave it hanging. */
export function onJobAccepted(deps: DecisionDeps): EventHandler<Tables> {
  return on(JobAcceptedSchema, async (message, { tx }) => {
    const jobId = message.jobId as JobId;
    const order = readOrder(message);
    if (!(order instanceof IncompleteMessage)) {
      const deadline = message.deadline && timestampDate(message.deadline);
      return acceptJob(tx, deps, { jobId, order, deadline });
    }
    const reason = jobFailure("PLATFORM_FAULT", `The order cannot be carried out: ${order.message}.`, false);
    await appendOutbox(tx, jobFailed(jobId, reason, tx.now));
    deps.observe.jobFailed(jobId, reason);
  });
}

function readOrder(message: JobAccepted): JobOrder | IncompleteMessage {
  try {
    return toOrder(message);
  } catch (error) {
    if (error instanceof IncompleteMessage) return error;
    throw error;
  }
}
