/** What went wrong with a call, as far as a caller may want to act on it. */
export type KubeErrorKind =
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "already_exists"
  /** The object has changed since it was read, or is another one than the caller meant. */
  | "conflict"
  /** The position in the history is no longer known: list anew. */
  | "gone"
  | "invalid"
  | "too_many_requests"
  | "timeout"
  | "unavailable"
  /** No answer: refused, reset, cut off in the middle. What was asked may have been done. */
  | "unreachable"
  | "unexpected";

export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly kind: KubeErrorKind;
  /** HTTP status; 0 when there was none. */
  readonly status: number;
  /** How long the server asks to wait; null when it does not say. */
  readonly retryAfterMs: number | null;

  constructor(
    kind: KubeErrorKind,
    message: string,
    { status = 0, retryAfterMs = null, cause }: KubeErrorDetails = {},
  ) {
    super(message, { cause });
    this.kind = kind;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

interface KubeErrorDetails {
  readonly status?: number;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

export function isKube(error: unknown, ...kinds: readonly KubeErrorKind[]): error is KubeError {
  return error instanceof KubeError && kinds.includes(error.kind);
}

/** The body of a refusal, a `Status`; also what an ERROR event of a watch carries. */
export interface KubeStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

export function errorOfStatus(
  what: string,
  { code = 0, reason = "", message = "", details }: KubeStatus,
  retryAfter?: string,
): KubeError {
  const seconds = Number(retryAfter ?? details?.retryAfterSeconds ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : null;
  const text = `${what}: ${message || reason || `HTTP ${code}`}`;
  return new KubeError(kindOf(code, reason), text, { status: code, retryAfterMs });
}

const kinds: Readonly<Record<number, KubeErrorKind>> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  408: "timeout",
  409: "conflict",
  410: "gone",
  422: "invalid",
  429: "too_many_requests",
  500: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "timeout",
};

function kindOf(code: number, reason: string): KubeErrorKind {
  if (reason === "AlreadyExists") return "already_exists";
  if (reason === "Expired" || reason === "Gone") return "gone";
  return kinds[code] ?? "unexpected";
}
