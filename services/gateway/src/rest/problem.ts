import { isOutage } from "@gradients/db";
import { asRpcError, type FieldViolation, type RpcCode, type RpcError } from "@gradients/rpc";

/** The body of a refused request: RFC 9457 with what google.rpc details say over gRPC. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Name of the gRPC status. */
  readonly code: RpcCode;
  /** What a program branches on. */
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly request_id: string;
}

export const PROBLEM_TYPE = "application/problem+json";

/** A refusal that only HTTP knows; the status is not the one of its gRPC code. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: RpcError;

  constructor(status: number, error: RpcError, headers: Readonly<Record<string, string>> = {}) {
    super(error.message, { cause: error });
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** The mapping of google/rpc/code.proto. */
const statuses: Readonly<Record<RpcCode, readonly [number, string]>> = {
  CANCELLED: [499, "Cancelled"],
  UNKNOWN: [500, "Unknown error"],
  INVALID_ARGUMENT: [400, "Invalid request"],
  DEADLINE_EXCEEDED: [504, "Deadline exceeded"],
  NOT_FOUND: [404, "Not found"],
  ALREADY_EXISTS: [409, "Already exists"],
  PERMISSION_DENIED: [403, "Not permitted"],
  UNAUTHENTICATED: [401, "Not authenticated"],
  RESOURCE_EXHAUSTED: [429, "Too much"],
  FAILED_PRECONDITION: [400, "Not possible in this state"],
  ABORTED: [409, "Aborted"],
  OUT_OF_RANGE: [400, "Out of range"],
  UNIMPLEMENTED: [501, "Not implemented"],
  INTERNAL: [500, "Internal error"],
  UNAVAILABLE: [503, "Unavailable"],
  DATA_LOSS: [500, "Data loss"],
};

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

export function toProblem(fault: unknown, requestId: string): ProblemAnswer {
  const error = fault instanceof HttpError ? fault.error : toRestError(fault);
  const [byCode, title] = statuses[error.code];
  const status = fault instanceof HttpError ? fault.status : byCode;
  return {
    status,
    headers: { ...headersOf(error), ...(fault instanceof HttpError && fault.headers) },
    problem: {
      type: `urn:gradients:problem:${error.reason.toLowerCase().replaceAll("_", "-")}`,
      title,
      status,
      detail: error.message,
      code: error.code,
      reason: error.reason,
      violations: error.fieldViolations,
      metadata: error.metadata,
      request_id: requestId,
    },
  };
}

/** The error that the gRPC door would answer with. */
export function toRestError(fault: unknown): RpcError {
  return asRpcError(fault, isOutage);
}

function headersOf({ code, retryAfterMs }: RpcError): Readonly<Record<string, string>> {
  return {
    ...(code === "UNAUTHENTICATED" && { "www-authenticate": "Bearer" }),
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
  };
}
