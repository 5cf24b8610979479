import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import type { AnyInit, CallContext, ServiceImpl } from "./service-types.ts";

/** A service with its handlers, ready for createRpcPart. */
export interface RpcBinding {
  readonly service: DescService;
  readonly methods: readonly BoundMethod[];
}

export type BoundMethod =
  | {
      readonly kind: "unary";
      readonly method: DescMethod;
      invoke(request: Message, ctx: CallContext): Promise<AnyInit>;
    }
  | {
      readonly kind: "server_streaming";
      readonly method: DescMethod;
      invoke(request: Message, ctx: CallContext): AsyncIterable<AnyInit>;
    }
  | {
      readonly kind: "client_streaming";
      readonly method: DescMethod;
      invoke(requests: AsyncIterable<Message>, ctx: CallContext): Promise<AnyInit>;
    }
  | {
      readonly kind: "bidi_streaming";
      readonly method: DescMethod;
      invoke(requests: AsyncIterable<Message>, ctx: CallContext): AsyncIterable<AnyInit>;
    };

/**
 * Ties handlers to a service descriptor. The types are checked here, once; below, methods are handled alike.
 */
export function bind<S extends DescService>(service: S, impl: ServiceImpl<S>): RpcBinding {
  return { service, methods: service.methods.map((method) => bindMethod(method, impl)) };
}

function bindMethod<S extends DescService>(method: DescMethod, impl: ServiceImpl<S>): BoundMethod {
  // The mapped type above has proven each handler's shape against its descriptor; the shape by kind is all
  // that is left to say.
  const handlers = impl as unknown as Readonly<Record<string, BoundMethod["invoke"] | undefined>>;
  const handler = handlers[method.localName];
  if (!handler) throw new Error(`${method.parent.typeName} has no handler for ${method.name}`);
  return { kind: method.methodKind, method, invoke: handler.bind(impl) } as BoundMethod;
}
