import { RpcError } from "@gradients/rpc";
import type { AttemptRejection } from "../domain/attempt-machine.ts";
import type { UploadRejection } from "../domain/uploads.ts";

/** Everything that a caller of the scheduler can be told, besides a broken request shape. */
type SchedulerErrorCode =
  | "TOKEN_INVALID"
  | "FENCED"
  | "ILLEGAL_STATE"
  | "ATTEMPT_NOT_FOUND"
  | "UPLOAD_NOT_FOUND"
  | "UPLOAD_INCOMPLETE"
  | "FILE_NOT_UPLOADED"
  | "RESULT_MISSING"
  | UploadRejection["code"];

export function tokenInvalid(): RpcError {
  return refused("UNAUTHENTICATED", "TOKEN_INVALID", "the call needs the attempt's current bearer token");
}

export function attemptRejected(rejection: AttemptRejection): RpcError {
  if (rejection === "ILLEGAL") {
    return refused(
      "FAILED_PRECONDITION",
      "ILLEGAL_STATE",
      "the attempt is not running; ask for the assignment first",
    );
  }
  return refused(
    "FAILED_PRECONDITION",
    "FENCED",
    "the attempt is over or belongs to a later placement; end at once",
  );
}

export function attemptNotFound(attemptId: string): RpcError {
  return refused("NOT_FOUND", "ATTEMPT_NOT_FOUND", `there is no attempt "${attemptId}"`);
}

export function uploadNotFound(uploadId: string): RpcError {
  return refused("NOT_FOUND", "UPLOAD_NOT_FOUND", `this placement has no upload "${uploadId}"`);
}

export function uploadIncomplete(expected: number, found: bigint | undefined): RpcError {
  const what = found === undefined ? "nothing" : `${found} bytes`;
  return refused(
    "FAILED_PRECONDITION",
    "UPLOAD_INCOMPLETE",
    `announced were ${expected} bytes, the store has ${what}`,
  );
}

export function fileNotUploaded(name: string): RpcError {
  return refused(
    "FAILED_PRECONDITION",
    "FILE_NOT_UPLOADED",
    `"${name}" was not uploaded by this placement with that size and digest`,
  );
}

export function resultMissing(what: string): RpcError {
  return refused("INVALID_ARGUMENT", "RESULT_MISSING", `the result of this kind of attempt needs ${what}`);
}

export function uploadRejected(rejection: UploadRejection): RpcError {
  switch (rejection.code) {
    case "WRONG_PURPOSE":
      return refused(
        "INVALID_ARGUMENT",
        rejection.code,
        "this kind of attempt uploads nothing of that purpose",
      );
    case "FILE_TOO_LARGE":
      return refused(
        "INVALID_ARGUMENT",
        rejection.code,
        `a file may have ${rejection.maxBytes} bytes at most`,
      );
    case "FILE_NOT_ALLOWED":
      return refused("INVALID_ARGUMENT", rejection.code, rejection.failure.message);
  }
}

function refused(code: RpcError["code"], reason: SchedulerErrorCode, message: string): RpcError {
  return new RpcError(code, reason, message);
}
