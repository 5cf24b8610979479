import { setTimeout as sleep } from "node:timers/promises";
import type { Addresses, Logger, Part } from "@gradients/runtime";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { RpcBinding } from "./bind.ts";
import type { CallEnvironment, OpenCall } from "./call.ts";
import { methodDefinition } from "./codec.ts";
import { type IsOutage, RpcError } from "./errors.ts";
import { createHandler } from "./handlers.ts";
import { OpenCalls } from "./open-calls.ts";
import { addReflection } from "./reflection.ts";
import type { CallContext } from "./service-types.ts";
import { observeServer } from "./tracing.ts";
import { createRequestValidator } from "./validation.ts";

/** For the last answers to leave after the last call. */
const FLUSH_MS = 300;

export interface RpcPartOptions {
  readonly bindings: readonly RpcBinding[];
  /** Port 0 takes a free one; the address comes back from start(). */
  readonly listen: { readonly host: string; readonly port: number };
  readonly logger: Logger;
  /**
   * Who is calling? Throws an RpcError (UNAUTHENTICATED, PERMISSION_DENIED) to refuse; runs before the
   * request is read.
   */
  readonly authenticate?: (ctx: CallContext) => Promise<unknown>;
  /** What is answered with UNAVAILABLE and a retry delay instead of INTERNAL: a database that is away. */
  readonly isOutage: IsOutage;
  readonly reflection: boolean;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer };
  /** Both directions. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** For unary calls without a deadline of their own. Default 30 s. */
  readonly unaryDeadlineMs?: number;
  /**
   * How long a stop waits for open calls. Default 8 s, shorter than the keepalive interval on purpose (grpc-
   * node #3068).
   */
  readonly drainMs?: number;
}

/**
 * A gRPC server as a part of a service: health, reflection, validation, error details, deadlines, traces and
 * figures included.
 */
export function createRpcPart(options: RpcPartOptions): Part {
  const { bindings, logger, drainMs = 8_000 } = options;
  const server = new Server(channelOptions(options));
  const health = new HealthImplementation();
  const env = createEnvironment(options);
  const services = bindings.map(({ service }) => service.typeName);
  for (const binding of bindings) addBinding(server, binding, env);
  health.addToServer(server);
  if (options.reflection) addReflection(server, services);
  return {
    name: "rpc",
    stopTimeoutMs: drainMs + 2_000,
    start: async () => {
      const address = await listen(server, options);
      for (const name of ["", ...services]) health.setStatus(name, "SERVING");
      logger.info({ address, services }, "rpc server listening");
      return { grpc: address } satisfies Addresses;
    },
    stop: async () => {
      for (const name of ["", ...services]) health.setStatus(name, "NOT_SERVING");
      await stopServer(server, env, drainMs, logger);
    },
  };
}

function createEnvironment(options: RpcPartOptions): CallEnvironment {
  return {
    logger: options.logger,
    observe: observeServer(),
    validate: createRequestValidator(),
    authenticate: options.authenticate,
    isOutage: options.isOutage,
    unaryDeadlineMs: options.unaryDeadlineMs ?? 30_000,
    open: new OpenCalls<OpenCall>(),
  };
}

function channelOptions({ maxMessageBytes = 4 * 1024 * 1024 }: RpcPartOptions) {
  return {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // No max_connection_age: with keepalive on, grpc-js 1.14 drops the streams of a connection that is being
    // retired (grpc-node #3068), and a watch may last for hours. Clients spread themselves (round_robin).
  };
}

function addBinding(server: Server, { service, methods }: RpcBinding, env: CallEnvironment): void {
  const definition = Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(method)]),
  );
  const handlers = Object.fromEntries(
    methods.map((bound) => [bound.method.localName, createHandler(bound, env)]),
  );
  server.addService(definition, handlers);
}

function listen(server: Server, { listen: { host, port }, tls }: RpcPartOptions): Promise<string> {
  const authority = host.includes(":") ? `[${host}]` : host;
  return new Promise((resolve, reject) => {
    server.bindAsync(`${authority}:${port}`, credentials(tls), (error, boundPort) => {
      if (error) reject(error);
      else resolve(`${authority}:${boundPort}`);
    });
  });
}

function credentials(tls: RpcPartOptions["tls"]): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(
    tls.clientCa ?? null,
    [{ cert_chain: tls.cert, private_key: tls.key }],
    tls.clientCa !== undefined,
  );
}

/**
 * No new calls; streams end at once so that their clients resume elsewhere; the others get `drainMs`. Idle
 * connections and watchers of our health must not hold up the stop: after the last call they get a moment.
 */
async function stopServer(server: Server, { open }: CallEnvironment, drainMs: number, logger: Logger) {
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  for (const call of open) if (call.streaming) call.abort(stopping());
  if (!(await within(drainMs, open.empty()))) {
    logger.warn({ open_calls: open.size, drain_ms: drainMs }, "rpc server closes with calls still open");
    for (const call of open) call.abort(stopping());
  }
  if (!(await within(FLUSH_MS, closed))) server.forceShutdown();
}

/** Whether the work is done in time. */
async function within(milliseconds: number, work: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(milliseconds, false, { signal: timer.signal });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

function stopping(): RpcError {
  return new RpcError("UNAVAILABLE", "SERVER_STOPPING", "the server is stopping; call again");
}
