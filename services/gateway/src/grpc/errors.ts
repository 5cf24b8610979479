import { RpcError, type RpcErrorOptions } from "@gradients/rpc";
import { type Refusal, Refused } from "../domain/refusal.ts";

/** A refusal as the status that answers it. Whatever else is thrown stays what it is: the doors know what an outage and what a fault is. */
export function toRpcError(error: unknown): unknown {
  if (!(error instanceof Refused)) return error;
  const encode = statuses[error.refusal.code] as (refusal: Refusal) => RpcError; // the table's type pairs codes with their payloads
  return encode(error.refusal);
}

type Statuses = {
  readonly [Code in Refusal["code"]]: (refusal: Extract<Refusal, { readonly code: Code }>) => RpcError;
};

const statuses: Statuses = {
  api_key_missing: () =>
    new RpcError("UNAUTHENTICATED", "API_KEY_MISSING", "send an API key as `authorization: Bearer grd_...`"),
  api_key_invalid: () =>
    new RpcError(
      "UNAUTHENTICATED",
      "API_KEY_INVALID",
      "the API key is unknown; keys look like grd_<prefix>_<secret>",
    ),
  api_key_expired: () =>
    new RpcError("UNAUTHENTICATED", "API_KEY_EXPIRED", "the API key has expired; create a new one"),
  api_key_revoked: () =>
    new RpcError("UNAUTHENTICATED", "API_KEY_REVOKED", "the API key was revoked; use another one"),
  rate_limited: ({ retryAfterMs, perSecond, burst }) =>
    new RpcError(
      "RESOURCE_EXHAUSTED",
      "RATE_LIMITED",
      `an API key may make ${perSecond} calls per second and ${burst} at once; wait ${retryAfterMs} ms`,
      { retryAfterMs, metadata: { per_second: `${perSecond}`, burst: `${burst}` } },
    ),
  project_forbidden: ({ parent }) =>
    new RpcError(
      "PERMISSION_DENIED",
      "PROJECT_FORBIDDEN",
      `the API key does not belong to ${parent}; GetCaller names its project`,
    ),
  not_found: ({ resource, name }) =>
    new RpcError("NOT_FOUND", `${upperSnake(resource)}_NOT_FOUND`, `${name} does not exist in this project`, {
      resource: { type: resource, name },
    }),
  request_invalid: ({ violations }) => {
    const fields = [...new Set(violations.map(({ field }) => field))].join(", ");
    return new RpcError("INVALID_ARGUMENT", "REQUEST_INVALID", `invalid request: ${fields}`, {
      fieldViolations: violations,
    });
  },
  request_id_reused: ({ requestId }) => {
    const description = `must be new for a new request; "${requestId}" was used for one with another content`;
    return fieldError("ALREADY_EXISTS", "REQUEST_ID_REUSED", "request_id", description);
  },
  upload_header_missing: () =>
    new RpcError(
      "INVALID_ARGUMENT",
      "UPLOAD_HEADER_MISSING",
      "the first message of an upload must carry its header; found none",
    ),
  upload_header_repeated: () =>
    new RpcError(
      "INVALID_ARGUMENT",
      "UPLOAD_HEADER_REPEATED",
      "only the first message of an upload carries a header; found another",
    ),
  upload_empty: () =>
    new RpcError("INVALID_ARGUMENT", "UPLOAD_EMPTY", "the file must have at least one byte; found none"),
  upload_cut: ({ declared, found }) =>
    fieldError(
      "INVALID_ARGUMENT",
      "UPLOAD_CUT",
      "header.size",
      `must be the number of bytes sent, ${found}; found ${declared}`,
    ),
  upload_too_long: ({ declared }) =>
    fieldError(
      "INVALID_ARGUMENT",
      "UPLOAD_TOO_LONG",
      "header.size",
      `must be the number of bytes sent; found ${declared}, and more came`,
    ),
  upload_too_large: ({ limit }) =>
    new RpcError(
      "INVALID_ARGUMENT",
      "UPLOAD_TOO_LARGE",
      `a data set may have at most ${limit} bytes; this one has more`,
      {
        metadata: { limit_bytes: `${limit}` },
      },
    ),
  upload_digest_mismatch: ({ declared, found }) =>
    fieldError(
      "INVALID_ARGUMENT",
      "UPLOAD_DIGEST_MISMATCH",
      "header.sha256",
      `must be the file's SHA-256, ${found}; found ${declared}`,
    ),
  upload_expired: () =>
    new RpcError(
      "DEADLINE_EXCEEDED",
      "UPLOAD_EXPIRED",
      "the upload took too long and was given up; try it again",
    ),
  sample_not_configured: () =>
    new RpcError(
      "FAILED_PRECONDITION",
      "SAMPLE_NOT_CONFIGURED",
      "this installation has no sample data set; upload a file instead",
    ),
  no_models: () =>
    new RpcError(
      "FAILED_PRECONDITION",
      "NO_MODELS",
      "no base model is registered; the operator adds one with `models add`",
    ),
  job_ended: ({ name, state }) =>
    new RpcError(
      "FAILED_PRECONDITION",
      "JOB_ENDED",
      `${name} has already ${state}; only a job that has not ended can be cancelled`,
      {
        metadata: { state },
      },
    ),
  job_not_succeeded: ({ name, state }) =>
    new RpcError(
      "FAILED_PRECONDITION",
      "JOB_NOT_SUCCEEDED",
      `${name} is ${state}; a result exists once it has succeeded`,
      {
        metadata: { state },
      },
    ),
  attempt_without_artifact: ({ attemptId }) =>
    new RpcError(
      "FAILED_PRECONDITION",
      "ATTEMPT_WITHOUT_ARTIFACT",
      `attempt ${attemptId} left no artifact to download`,
    ),
  offset_unknown: ({ found, last }) =>
    fieldError(
      "OUT_OF_RANGE",
      "OFFSET_UNKNOWN",
      "after_offset",
      `must be at most the job's last offset, ${last}; found ${found}`,
    ),
  scheduler_unavailable: ({ cause }) =>
    new RpcError(
      "UNAVAILABLE",
      "SCHEDULER_UNAVAILABLE",
      "recipes and hardware classes cannot be read right now; try again",
      {
        retryAfterMs: 1_000,
        cause,
      },
    ),
};

/** An error about one field, which is named both in the message and in the details. */
function fieldError(code: RpcError["code"], reason: string, field: string, description: string): RpcError {
  const options: RpcErrorOptions = { fieldViolations: [{ field, reason, description }] };
  return new RpcError(code, reason, `${field} ${description}`, options);
}

/** `ApiKey` becomes `API_KEY`. */
function upperSnake(name: string): string {
  return name.replaceAll(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}
