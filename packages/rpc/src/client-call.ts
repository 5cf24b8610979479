import type { DescMethod } from "@bufbuild/protobuf";
import { newId } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import {
  type Client,
  type ClientUnaryCall,
  type CallOptions as GrpcCallOptions,
  Metadata,
} from "@grpc/grpc-js";
import { RpcError } from "./errors.ts";
import type { CallOptions } from "./service-types.ts";
import { parseRpcError } from "./status-details.ts";
import type { Observation, Observe } from "./tracing.ts";

/** What all calls of a client share. */
export interface ClientEnvironment {
  readonly client: Client;
  readonly observe: Observe;
  readonly token?: string | (() => string);
  readonly logger?: Logger;
  readonly defaultDeadlineMs: number;
}

/**
 * One outgoing call: its metadata and deadline, its span, and the signals that cancel it. Ends once, by
 * `succeed` or `fail`.
 */
export class ClientCall {
  readonly metadata: Metadata;
  readonly grpcOptions: GrpcCallOptions;
  readonly #method: DescMethod;
  readonly #env: ClientEnvironment;
  readonly #signals: readonly AbortSignal[];
  readonly #observation: Observation;
  #call: ClientUnaryCall | undefined;

  /** Throws CANCELLED when a signal has already aborted. */
  constructor(method: DescMethod, env: ClientEnvironment, options: CallOptions) {
    this.#method = method;
    this.#env = env;
    this.#signals = [options.signal, options.parent?.signal].filter((signal) => signal !== undefined);
    if (this.#signals.some((signal) => signal.aborted))
      throw new RpcError("CANCELLED", "CALL_CANCELLED", "cancelled before the call was made");
    this.metadata = callMetadata(env, options);
    this.grpcOptions = deadlineOf(method, env, options);
    this.#observation = env.observe(method, this.metadata);
  }

  /** From here on the signals cancel the call. */
  attach<C extends ClientUnaryCall>(call: C): C {
    this.#call = call;
    for (const signal of this.#signals) signal.addEventListener("abort", this.#cancel, { once: true });
    return call;
  }

  succeed(): void {
    this.#end();
  }

  /** The failure as RpcError, ready to be thrown. */
  fail(fault: unknown): RpcError {
    const error = parseRpcError(fault);
    this.#end(error);
    const { code, reason, requestId } = error;
    this.#env.logger?.debug(
      { method: `${this.#method.parent.typeName}/${this.#method.name}`, code, reason, request_id: requestId },
      "rpc call failed",
    );
    return error;
  }

  #end(error?: RpcError): void {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#cancel);
    this.#observation.end(error);
  }

  readonly #cancel = (): void => this.#call?.cancel();
}

function callMetadata({ token }: ClientEnvironment, options: CallOptions): Metadata {
  const metadata = new Metadata();
  const bearer = typeof token === "function" ? token() : token;
  if (bearer) metadata.set("authorization", `Bearer ${bearer}`);
  metadata.set("x-request-id", options.parent?.requestId ?? newId());
  for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
  return metadata;
}

/** Streams from the server may last for days: only the others get the default. */
function deadlineOf(
  { methodKind }: DescMethod,
  { defaultDeadlineMs }: ClientEnvironment,
  { deadlineMs, parent }: CallOptions,
): GrpcCallOptions {
  const streams = methodKind === "server_streaming" || methodKind === "bidi_streaming";
  const own = deadlineMs ?? (streams ? undefined : defaultDeadlineMs);
  const deadlines = [own === undefined ? undefined : Date.now() + own, parent?.deadline?.getTime()].filter(
    (time) => time !== undefined,
  );
  return deadlines.length > 0 ? { deadline: Math.min(...deadlines) } : {};
}
