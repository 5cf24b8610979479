import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeEvent } from "@gradients/contracts/catalogue";
import { AttemptProgressSchema } from "@gradients/contracts/event";
import type { Bus } from "./connect-bus.ts";

/**
 * Queues live figures and returns at once. They are sent in order and outlast a restart of the server, but not one of this process; of more than 10 000 the
 * oldest are dropped. What decides anything travels as an event, never here.
 */
export function publishProgress(bus: Bus, progress: MessageInitShape<typeof AttemptProgressSchema>): void {
  const { jobId, attemptId } = progress;
  if (!jobId || !attemptId) throw new Error("Progress names its job and attempt");
  bus.progress.push(`progress.${jobId}.${attemptId}`, encodeEvent(AttemptProgressSchema, progress));
}
