import { fromFile } from "@gradients/contracts/stored-object";
import type { AttemptService } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { type CompleteRejection, completeUpload } from "../app/complete-upload.ts";
import type { Deps } from "../deps.ts";
import { holderOf } from "./authenticate-agent.ts";
import { attemptRejected, uploadIncomplete, uploadNotFound } from "./errors.ts";

export function completeUploadCall(
  deps: Deps,
): MethodImpl<(typeof AttemptService)["method"]["completeUpload"]> {
  return async ({ epoch, uploadId, etags }, ctx) => {
    const completed = await completeUpload(deps, holderOf(ctx, epoch), uploadId, etags, ctx.signal);
    if (!completed.ok) throw toError(completed.error, uploadId);
    failpoint("scheduler.upload-marked");
    return { file: fromFile(completed.value) };
  };
}

function toError(rejection: CompleteRejection, uploadId: string): Error {
  if (typeof rejection === "string") return attemptRejected(rejection);
  if (rejection.code === "UPLOAD_NOT_FOUND") return uploadNotFound(uploadId);
  return uploadIncomplete(rejection.expected, rejection.found);
}
