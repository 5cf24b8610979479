import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import { newId } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import { Metadata, type ServerUnaryCall, type StatusObject } from "@grpc/grpc-js";
import { asRpcError, type IsOutage, RpcError } from "./errors.ts";
import type { OpenCalls } from "./open-calls.ts";
import type { CallContext } from "./service-types.ts";
import { toStatus } from "./status-details.ts";
import type { Observation, Observe } from "./tracing.ts";

const REQUEST_ID = "x-request-id";
const REQUEST_ID_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;
const FAULTS: ReadonlySet<string> = new Set(["INTERNAL", "UNKNOWN", "DATA_LOSS"]);

/** What the four kinds of grpc-js server calls have in common. */
type ServerSurfaceCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "metadata" | "getDeadline" | "sendMetadata"
> & {
  once(event: "cancelled", listener: () => void): unknown;
};

/** What all calls of a server share. */
export interface CallEnvironment {
  readonly logger: Logger;
  readonly observe: Observe;
  readonly validate: (schema: DescMessage, message: Message) => void;
  readonly authenticate: ((ctx: CallContext) => Promise<unknown>) | undefined;
  readonly isOutage: IsOutage;
  /** For unary calls that bring no deadline of their own. */
  readonly unaryDeadlineMs: number;
  /** Calls in flight; the stop sequence ends the streaming ones. */
  readonly open: OpenCalls<OpenCall>;
}

/**
 * One call from its arrival to its status. Whichever of `succeed` and `fail` comes first takes effect, the
 * rest is ignored. Cancellation, the deadline and a stopping server fail the call from outside, so a handler
 * that ignores its signal cannot hold it open.
 */
export class OpenCall {
  readonly #ctx: MutableContext;
  readonly streaming: boolean;
  readonly #call: ServerSurfaceCall;
  readonly #env: CallEnvironment;
  readonly #sendStatus: (status: StatusObject) => void;
  readonly #abort = new AbortController();
  readonly #observation: Observation;
  readonly #timer: NodeJS.Timeout | undefined;
  #isOpen = true;
  #headersSent = false;

  constructor(
    call: ServerSurfaceCall,
    method: DescMethod,
    env: CallEnvironment,
    sendStatus: (status: StatusObject) => void,
  ) {
    this.#call = call;
    this.#env = env;
    this.#sendStatus = sendStatus;
    this.#observation = env.observe(method, call.metadata);
    this.streaming = method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
    this.#ctx = createContext(call, method, this.#abort.signal);
    this.#timer = this.#startDeadline(method.methodKind === "unary");
    env.open.add(this);
    call.once("cancelled", () => this.#cancelled());
  }

  get ctx(): CallContext {
    return this.#ctx;
  }

  /** Authenticates, then does the work, inside the call's span. */
  run(work: () => Promise<void>): void {
    this.#observation.run(() => {
      this.#authenticated(work).catch((fault: unknown) => this.fail(fault));
    });
  }

  /**
   * Headers go out with the first message, not before: a client tries a call again only while it has seen
   * none.
   */
  sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#call.sendMetadata(requestIdMetadata(this.ctx.requestId));
  }

  /** True when the call was still open: only then may the answer be sent. */
  succeed(): boolean {
    if (!this.#close()) return false;
    this.sendHeaders();
    return true;
  }

  fail(fault: unknown): void {
    const error = asRpcError(fault, this.#env.isOutage);
    if (!this.#close(error)) return logLateFault(this.#env.logger, this.ctx, fault);
    logFailure(this.#env.logger, this.ctx, error);
    this.#sendStatus(toStatus(error, this.ctx.requestId));
  }

  abort(reason: RpcError): void {
    if (this.ctx.signal.aborted) return;
    this.fail(reason);
    this.#abort.abort(reason);
  }

  /** grpc-js says so after every call, also after a finished one. */
  #cancelled(): void {
    if (this.#isOpen) this.abort(cancellation(this.ctx));
  }

  async #authenticated(work: () => Promise<void>): Promise<void> {
    if (this.#env.authenticate) this.#ctx.principal = await this.#env.authenticate(this.ctx);
    this.ctx.signal.throwIfAborted();
    await work();
  }

  /** grpc-js watches over the caller's own deadline; a unary call without one gets ours. */
  #startDeadline(isUnary: boolean): NodeJS.Timeout | undefined {
    if (this.ctx.deadline || !isUnary) return undefined;
    this.#ctx.deadline = new Date(Date.now() + this.#env.unaryDeadlineMs);
    return setTimeout(() => this.abort(deadlineExceeded()), this.#env.unaryDeadlineMs);
  }

  #close(error?: RpcError): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#env.open.delete(this);
    this.#observation.end(error);
    return true;
  }
}

type MutableContext = { -readonly [K in keyof CallContext]: CallContext[K] };

function createContext(call: ServerSurfaceCall, method: DescMethod, signal: AbortSignal): MutableContext {
  const deadline = call.getDeadline();
  return {
    signal,
    metadata: call.metadata,
    ...(deadline !== Number.POSITIVE_INFINITY && { deadline: new Date(deadline) }),
    method: `${method.parent.typeName}/${method.name}`,
    requestId: requestIdOf(call.metadata),
    principal: undefined,
  };
}

/** A caller's id is taken over only when it is safe to log and to send back. */
function requestIdOf(metadata: Metadata): string {
  const [given] = metadata.get(REQUEST_ID);
  return typeof given === "string" && REQUEST_ID_PATTERN.test(given) ? given : newId();
}

function requestIdMetadata(requestId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(REQUEST_ID, requestId);
  return metadata;
}

function cancellation({ deadline }: CallContext): RpcError {
  if (deadline && deadline.getTime() <= Date.now()) return deadlineExceeded();
  return new RpcError("CANCELLED", "CALL_CANCELLED", "the caller cancelled the call");
}

function deadlineExceeded(): RpcError {
  return new RpcError("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "the call's deadline has passed");
}

function logFailure(logger: Logger, ctx: CallContext, error: RpcError): void {
  const fields = { method: ctx.method, request_id: ctx.requestId, code: error.code, reason: error.reason };
  if (FAULTS.has(error.code)) logger.error({ ...fields, err: error.cause ?? error }, "rpc failed");
  else logger.debug({ ...fields, err: error }, "rpc refused");
}

/** What a handler throws after its call was over; mostly the abort itself. */
function logLateFault(logger: Logger, { method, requestId, signal }: CallContext, fault: unknown): void {
  if (fault !== signal.reason)
    logger.debug({ method, request_id: requestId, err: fault }, "rpc failed after its end");
}
