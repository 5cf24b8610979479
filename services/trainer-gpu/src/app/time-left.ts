import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { GetAssignmentResponse } from "@gradients/contracts/trainer";

/** Until the attempt's deadline. Counted by the scheduler, so that a pod's clock that is set wrong gives no attempt more time and takes none away. */
export function timeLeftMs({
  remainingSeconds,
  hardDeadline,
}: Pick<GetAssignmentResponse, "remainingSeconds" | "hardDeadline">): number | undefined {
  if (remainingSeconds !== undefined) return remainingSeconds * 1000;
  if (!hardDeadline) return undefined;
  return Math.max(0, timestampDate(hardDeadline).getTime() - Date.now());
}
