import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type FailureReason, FailureReasonSchema } from "@gradients/contracts/common";

export function encodeFailure(failure: FailureReason | undefined): Uint8Array | null {
  return failure ? toBinary(FailureReasonSchema, failure) : null;
}

export function decodeFailure(bytes: Uint8Array | null): FailureReason | undefined {
  return bytes ? fromBinary(FailureReasonSchema, bytes) : undefined;
}
