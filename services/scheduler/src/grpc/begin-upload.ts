import { type AttemptService, UploadPurpose as WirePurpose } from "@gradients/contracts/trainer";
import { assertNever } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { beginUpload } from "../app/begin-upload.ts";
import type { Deps } from "../deps.ts";
import type { UploadPurpose } from "../domain/uploads.ts";
import { holderOf } from "./authenticate-agent.ts";
import { attemptRejected, uploadRejected } from "./errors.ts";

export function beginUploadCall(deps: Deps): MethodImpl<(typeof AttemptService)["method"]["beginUpload"]> {
  return async ({ epoch, purpose, fileName, size, sha256, step }, ctx) => {
    const file = { purpose: toPurpose(purpose), fileName, size: Number(size), sha256, step: Number(step) };
    const begun = await beginUpload(deps, holderOf(ctx, epoch), file, ctx.signal);
    if (!begun.ok) {
      throw typeof begun.error === "string" ? attemptRejected(begun.error) : uploadRejected(begun.error);
    }
    const { uploadId, partSize, partUrls } = begun.value;
    return { uploadId, partSize: BigInt(partSize), partUrls: [...partUrls] };
  };
}

function toPurpose(purpose: WirePurpose): UploadPurpose {
  switch (purpose) {
    case WirePurpose.CHECKPOINT:
      return "checkpoint";
    case WirePurpose.ARTIFACT:
      return "artifact";
    case WirePurpose.SCORES:
      return "scores";
    case WirePurpose.UNSPECIFIED:
      throw new Error("The request's rules refuse an unspecified purpose");
    default:
      return assertNever(purpose);
  }
}
