import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Metadata } from "@grpc/grpc-js";

/** What a handler knows about its call besides the request. */
export interface CallContext {
  /** Aborts when the caller cancels, the deadline passes or the server stops. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
  readonly deadline?: Date;
  /** Full name, e.g. `gradients.gateway.v1.GatewayService/GetJob`. */
  readonly method: string;
  /** The caller's x-request-id, or a new one; echoed in the response. */
  readonly requestId: string;
  /** What `authenticate` returned; undefined where the part has none. */
  readonly principal: unknown;
}

/** Handlers of a service, one per method. Responses may be plain init shapes. */
export type ServiceImpl<S extends DescService> = {
  readonly [K in keyof S["method"]]: MethodImpl<S["method"][K]>;
};

export type MethodImpl<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, ctx: CallContext) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, ctx: CallContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, ctx: CallContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, ctx: CallContext) => AsyncIterable<MessageInitShape<O>>
          : never;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds for this call; replaces the client's default. */
  readonly deadlineMs?: number;
  /**
   * The call that this one serves: its signal, deadline and request id are passed on; the earlier deadline
   * wins.
   */
  readonly parent?: Pick<CallContext, "signal" | "deadline" | "requestId">;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Methods of a service for a caller. Every failure is an RpcError. Streams start with their first `next()`.
 */
export type RpcClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: ClientMethod<S["method"][K]>;
} & {
  /** Lets open calls finish, then closes the connection. */
  close(): void;
};

type ClientMethod<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterable<MessageInitShape<I>>,
              options?: CallOptions,
            ) => AsyncIterable<MessageShape<O>>
          : never;

export type AnyInit = MessageInitShape<DescMessage>;
