/** Name of a gRPC status that means failure. */
export type RpcCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** One field that was refused. */
export interface FieldViolation {
  /** Path in the request, proto names: `job.columns.instruct.output`. */
  readonly field: string;
  /** What would be right and what was found. */
  readonly description: string;
  /** UPPER_SNAKE name of the broken rule, for programs. */
  readonly reason?: string;
}

/** The thing that an error is about (AIP-193 ResourceInfo). */
export interface ErrorResource {
  readonly type: string;
  readonly name: string;
}

export interface RpcErrorOptions {
  readonly fieldViolations?: readonly FieldViolation[];
  /** Facts for programs; part of the contract, so never a secret. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number;
  readonly resource?: ErrorResource;
  /** Set on errors that came from a server. */
  readonly requestId?: string;
  readonly cause?: unknown;
}

/**
 * A refused or failed call, on both sides of the wire. Thrown by a handler it travels as google.rpc.Status
 * with ErrorInfo and friends; a client throws it again with the same content.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcCode;
  /** UPPER_SNAKE, stable, unique within the platform: what a program branches on. */
  readonly reason: string;
  readonly fieldViolations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly resource: ErrorResource | undefined;
  readonly requestId: string | undefined;

  constructor(code: RpcCode, reason: string, message: string, options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.fieldViolations = options.fieldViolations ?? [];
    this.metadata = options.metadata ?? {};
    this.retryAfterMs = options.retryAfterMs;
    this.resource = options.resource;
    this.requestId = options.requestId;
  }
}

/** Whether something that a handler threw means that a server behind it is away for a while. */
export type IsOutage = (fault: unknown) => boolean;

const OUTAGE_RETRY_MS = 1_000;

/** What a caller is told: an outage is no fault of ours, the same call succeeds later. Anything else but an RpcError is one: its text stays in the log. */
export function asRpcError(fault: unknown, isOutage: IsOutage): RpcError {
  if (fault instanceof RpcError) return fault;
  if (isOutage(fault))
    return new RpcError("UNAVAILABLE", "DATABASE_UNAVAILABLE", "not possible right now; try again", {
      retryAfterMs: OUTAGE_RETRY_MS,
      cause: fault,
    });
  return new RpcError("INTERNAL", "INTERNAL", "internal error; the request id finds it in our logs", {
    cause: fault,
  });
}
