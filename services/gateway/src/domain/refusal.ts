import type { JobState } from "./job.ts";
import type { Violation } from "./violation.ts";

/** Everything that the gateway refuses to do, each with what the caller needs to know about it. */
export type Refusal =
  | { readonly code: "api_key_missing" }
  | { readonly code: "api_key_invalid" }
  | { readonly code: "api_key_expired" }
  | { readonly code: "api_key_revoked" }
  | {
      readonly code: "rate_limited";
      readonly retryAfterMs: number;
      readonly perSecond: number;
      readonly burst: number;
    }
  | { readonly code: "project_forbidden"; readonly parent: string }
  | { readonly code: "not_found"; readonly resource: ResourceKind; readonly name: string }
  | { readonly code: "request_invalid"; readonly violations: readonly Violation[] }
  | { readonly code: "request_id_reused"; readonly requestId: string }
  | { readonly code: "upload_header_missing" }
  | { readonly code: "upload_header_repeated" }
  | { readonly code: "upload_empty" }
  | { readonly code: "upload_cut"; readonly declared: bigint; readonly found: bigint }
  | { readonly code: "upload_too_long"; readonly declared: bigint }
  | { readonly code: "upload_too_large"; readonly limit: bigint }
  | { readonly code: "upload_digest_mismatch"; readonly declared: string; readonly found: string }
  | { readonly code: "upload_expired" }
  | { readonly code: "sample_not_configured" }
  | { readonly code: "no_models" }
  | { readonly code: "job_ended"; readonly name: string; readonly state: JobState }
  | { readonly code: "job_not_succeeded"; readonly name: string; readonly state: JobState }
  | { readonly code: "attempt_without_artifact"; readonly attemptId: string }
  | { readonly code: "offset_unknown"; readonly found: bigint; readonly last: bigint }
  | { readonly code: "scheduler_unavailable"; readonly cause: unknown };

export type ResourceKind = "Dataset" | "Job" | "ApiKey" | "Attempt";

/** A refusal on its way up to the transport. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.code, "cause" in refusal ? { cause: refusal.cause } : undefined);
    this.refusal = refusal;
  }
}

export function invalid(...violations: readonly Violation[]): Refused {
  return new Refused({ code: "request_invalid", violations });
}
