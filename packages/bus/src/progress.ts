import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeEvent } from "@gradients/contracts/catalogue";
import { type AttemptProgress, AttemptProgressSchema } from "@gradients/contracts/event";
import type { Bus } from "./connect-bus.ts";

/**
 * Sends live figures without waiting: buffered by the client while the server is away, lost when it stays away. Results travel as events, never here.
 */
export function publishProgress(
  bus: Bus,
  progress: AttemptProgress | MessageInitShape<typeof AttemptProgressSchema>,
): void {
  const { jobId, attemptId } = progress;
  if (!jobId || !attemptId) throw new Error("Progress names its job and attempt");
  bus.connection.publish(`progress.${jobId}.${attemptId}`, encodeEvent(AttemptProgressSchema, progress));
}
