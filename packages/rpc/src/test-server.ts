import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { DescService } from "@bufbuild/protobuf";
import { createLogger } from "@gradients/runtime";
import type { Client, status } from "@grpc/grpc-js";
import { bind } from "./bind.ts";
import { createRpcClient, type RpcClientOptions } from "./client.ts";
import { RpcError } from "./errors.ts";
import { createRpcPart, type RpcPartOptions } from "./server.ts";
import type { CallContext, RpcClient, ServiceImpl } from "./service-types.ts";
import { TestService } from "./test-service.ts";

type Impl = ServiceImpl<typeof TestService>;

export interface TestServer extends AsyncDisposable {
  readonly address: string;
  readonly client: RpcClient<typeof TestService>;
  /** Log lines so far, as objects. */
  readonly logs: readonly Readonly<Record<string, unknown>>[];
  newClient<S extends DescService>(service: S, options?: Partial<RpcClientOptions>): RpcClient<S>;
  stop(): Promise<void>;
}

/** A server on a free loopback port with a client; handlers that a test does not give echo or count. */
export async function startTestServer(
  impl: Partial<Impl> = {},
  options: Partial<RpcPartOptions> = {},
  clientOptions: Partial<RpcClientOptions> = {},
): Promise<TestServer> {
  const { logger, logs } = capturingLogger();
  const part = createRpcPart({
    bindings: [bind(TestService, { ...plainHandlers, ...impl })],
    listen: { host: "127.0.0.1", port: 0 },
    logger,
    isOutage: () => false,
    reflection: false,
    ...options,
  });
  const address = (await part.start?.())?.["grpc"] ?? "";
  const clients: { close(): void }[] = [];
  const newClient: TestServer["newClient"] = (service, more = {}) => {
    const client = createRpcClient(service, { target: address, defaultDeadlineMs: 20_000, ...more });
    clients.push(client);
    return client;
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= part.stop?.() ?? Promise.resolve());
  return {
    address,
    client: newClient(TestService, clientOptions),
    logs,
    newClient,
    stop,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await stop();
    },
  };
}

const plainHandlers: Impl = {
  begin: async (request) => ({ step: request.size }),
  getPoint: async (request) => request,
  async *count({ totalSteps }) {
    for (let step = 1n; step <= totalSteps; step++) yield { step };
  },
  sum: async (requests) => {
    let step = 0n;
    for await (const request of requests) step += request.step;
    return { step };
  },
  async *double(requests) {
    for await (const { step } of requests) yield { step: step * 2n };
  },
};

function capturingLogger() {
  const logs: Record<string, unknown>[] = [];
  const destination = new Writable({
    write: (line, _encoding, done) => {
      logs.push(JSON.parse(String(line)) as Record<string, unknown>);
      done();
    },
  });
  return { logs, logger: createLogger({ service: "test", level: "debug", destination }) };
}

/** The RpcError that a call fails with. */
export async function failure(call: Promise<unknown> | (() => Promise<unknown>)): Promise<RpcError> {
  const outcome = await (typeof call === "function" ? call() : call).then(
    () => new Error("the call succeeded"),
    (error: unknown) => error,
  );
  if (outcome instanceof RpcError) return outcome;
  throw outcome;
}

/** A handler that waits for its signal; `hanging` is its context once it waits. */
export function hangingHandler() {
  const started = Promise.withResolvers<CallContext>();
  const handler = async (_request: unknown, ctx: CallContext): Promise<never> => {
    started.resolve(ctx);
    await sleep(60_000, undefined, { signal: ctx.signal });
    throw new Error("nobody ended the call");
  };
  return { hanging: started.promise, handler };
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** How a call of bytes, made without our client, fails. */
export function rawFailure(
  client: Client,
  path: string,
  bytes: Buffer,
): Promise<Error & { code: status; details: string }> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      (value: Buffer) => value,
      (value) => value,
      bytes,
      (error) => (error ? resolve(error) : reject(new Error("the call succeeded"))),
    );
  });
}
