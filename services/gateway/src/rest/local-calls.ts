import type { IncomingHttpHeaders } from "node:http";
import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import {
  type BoundMethod,
  type CallContext,
  createRequestValidator,
  Metadata,
  type RpcBinding,
  type Validate,
} from "@gradients/rpc";

interface LocalCallOptions {
  readonly headers: IncomingHttpHeaders;
  readonly requestId: string;
  /** Aborts when the HTTP client goes away or the server stops. */
  readonly signal: AbortSignal;
}

type Authenticate = (ctx: CallContext) => Promise<unknown>;

/** The methods of the gRPC server, called in this process: same authentication, same validation, same handlers. */
export interface LocalCalls {
  /** Who calls; throws UNAUTHENTICATED before a body is read. */
  open(method: DescMethod, options: LocalCallOptions): Promise<CallContext>;
  unary(method: DescMethod, request: Message, ctx: CallContext): Promise<Message>;
  serverStream(method: DescMethod, request: Message, ctx: CallContext): AsyncIterable<Message>;
  clientStream(method: DescMethod, requests: AsyncIterable<Message>, ctx: CallContext): Promise<Message>;
}

/** Metadata that handlers read; the rest of the headers is HTTP's own. */
const PASSED_ON = ["authorization"];

export function createLocalCalls(bindings: readonly RpcBinding[], authenticate: Authenticate): LocalCalls {
  const validate = createRequestValidator();
  const methods = new Map(
    bindings.flatMap(({ methods: bound }) => bound.map((method) => [method.method, method] as const)),
  );
  return {
    open: async (method, options) => {
      const ctx = createContext(method, options);
      return { ...ctx, principal: await authenticate(ctx) };
    },
    unary: async (method, request, ctx) => {
      validate(method.input, request);
      const bound = find(methods, method, "unary");
      return create(method.output, await bound.invoke(request, ctx));
    },
    serverStream: (method, request, ctx) => {
      validate(method.input, request);
      return messages(method, find(methods, method, "server_streaming").invoke(request, ctx));
    },
    clientStream: async (method, requests, ctx) => {
      const bound = find(methods, method, "client_streaming");
      return create(method.output, await bound.invoke(validated(method, requests, validate), ctx));
    },
  };
}

function createContext(method: DescMethod, { headers, requestId, signal }: LocalCallOptions): CallContext {
  const metadata = new Metadata();
  for (const name of PASSED_ON) {
    const value = headers[name];
    if (typeof value === "string") metadata.set(name, value);
  }
  return {
    signal,
    metadata,
    method: `${method.parent.typeName}/${method.name}`,
    requestId,
    principal: undefined,
  };
}

function find<Kind extends BoundMethod["kind"]>(
  methods: ReadonlyMap<DescMethod, BoundMethod>,
  method: DescMethod,
  kind: Kind,
) {
  const bound = methods.get(method);
  if (bound?.kind !== kind) throw new Error(`${method.name} is no ${kind} method of this server`);
  return bound as Extract<BoundMethod, { kind: Kind }>; // the line above has compared the kind
}

async function* messages(
  method: DescMethod,
  stream: ReturnType<Extract<BoundMethod, { kind: "server_streaming" }>["invoke"]>,
): AsyncGenerator<Message> {
  for await (const init of stream) yield create(method.output, init);
}

async function* validated(
  method: DescMethod,
  requests: AsyncIterable<Message>,
  validate: Validate,
): AsyncGenerator<Message> {
  for await (const request of requests) {
    validate(method.input, request);
    yield request;
  }
}
