import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Logger } from "@gradients/runtime";
import { Client, credentials } from "@grpc/grpc-js";
import type { ClientEnvironment } from "./client-call.ts";
import { clientMethod } from "./client-methods.ts";
import type { RpcClient } from "./service-types.ts";
import { observeClient } from "./tracing.ts";

export interface RpcClientOptions {
  /** `host:port`, or any gRPC target such as `dns:///gateway:50051` (all addresses are used in turn). */
  readonly target: string;
  /** Bearer token, or a function that yields the current one. */
  readonly token?: string | (() => string);
  readonly logger?: Logger;
  /**
   * For unary and client-streaming calls that set none. Streams from the server have no deadline unless the
   * call sets one.
   */
  readonly defaultDeadlineMs: number;
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  /** Both directions. Default 4 MiB. */
  readonly maxMessageBytes?: number;
}

/** A typed client of one service over one channel. Connects with the first call. */
export function createRpcClient<S extends DescService>(service: S, options: RpcClientOptions): RpcClient<S> {
  const client = new Client(
    options.target,
    channelCredentials(options.tls),
    channelOptions(service, options),
  );
  const env: ClientEnvironment = { client, observe: observeClient(), ...options };
  const methods = service.methods.map((method) => [method.localName, clientMethod(method, env)] as const);
  // Built from the same descriptor that RpcClient<S> maps over.
  return Object.freeze({
    ...Object.fromEntries(methods),
    close: () => client.close(),
  }) as unknown as RpcClient<S>;
}

function channelCredentials(tls: RpcClientOptions["tls"]) {
  return tls
    ? credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null)
    : credentials.createInsecure();
}

function channelOptions(service: DescService, { maxMessageBytes = 4 * 1024 * 1024 }: RpcClientOptions) {
  return {
    "grpc.service_config": JSON.stringify(serviceConfig(service)),
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // A restarted server is found again within seconds, not within grpc-js's two minutes.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5_000,
    // Two clients with equal options would share a connection and its fate.
    "grpc.use_local_subchannel_pool": 1,
  };
}

/**
 * Only UNAVAILABLE is tried again, and only for methods that change nothing: after a lost connection a write
 * may have happened.
 */
function serviceConfig(service: DescService) {
  const name = service.methods
    .filter(isSafe)
    .map((method) => ({ service: service.typeName, method: method.name }));
  const retryPolicy = {
    maxAttempts: 4,
    initialBackoff: "0.1s",
    maxBackoff: "2s",
    backoffMultiplier: 2,
    retryableStatusCodes: ["UNAVAILABLE"],
  };
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: name.length > 0 ? [{ name, retryPolicy }] : [],
  };
}

function isSafe(method: DescMethod): boolean {
  return method.idempotency !== 0 || /^(Get|List|Watch)[A-Z]/.test(method.name);
}
