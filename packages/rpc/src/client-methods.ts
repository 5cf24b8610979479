import { once } from "node:events";
import type { Writable } from "node:stream";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { failpoint } from "@gradients/kernel";
import type { ClientReadableStream, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { ClientCall, type ClientEnvironment } from "./client-call.ts";
import { decode, encode, methodPath, same } from "./codec.ts";
import type { AnyInit, CallOptions } from "./service-types.ts";

type UnaryMethod = (request: AnyInit, options?: CallOptions) => Promise<Message>;
type ClientStreamingMethod = (requests: AsyncIterable<AnyInit>, options?: CallOptions) => Promise<Message>;
type ServerStreamingMethod = (request: AnyInit, options?: CallOptions) => AsyncIterable<Message>;
type BidiStreamingMethod = (
  requests: AsyncIterable<AnyInit>,
  options?: CallOptions,
) => AsyncIterable<Message>;

/** The client's function for one method. */
export function clientMethod(
  method: DescMethod,
  env: ClientEnvironment,
): UnaryMethod | ClientStreamingMethod | ServerStreamingMethod | BidiStreamingMethod {
  switch (method.methodKind) {
    case "unary":
      return unary(method, env);
    case "client_streaming":
      return clientStreaming(method, env);
    case "server_streaming":
      return serverStreaming(method, env);
    case "bidi_streaming":
      return bidiStreaming(method, env);
  }
}

function unary(method: DescMethod, env: ClientEnvironment): UnaryMethod {
  const path = methodPath(method);
  return async (request, options = {}) => {
    const bytes = encode(method.input, request);
    const call = new ClientCall(method, env, options);
    failpoint("rpc.before-call");
    return answer(method, call, (callback) =>
      env.client.makeUnaryRequest(
        path,
        same<Buffer>,
        same<Buffer>,
        bytes,
        call.metadata,
        call.grpcOptions,
        callback,
      ),
    );
  };
}

function clientStreaming(method: DescMethod, env: ClientEnvironment): ClientStreamingMethod {
  const path = methodPath(method);
  return async (requests, options = {}) => {
    const call = new ClientCall(method, env, options);
    const upload = new Upload(method, requests);
    const response = answer(method, call, (callback) => {
      const stream = env.client.makeClientStreamRequest(
        path,
        same<Buffer>,
        same<Buffer>,
        call.metadata,
        call.grpcOptions,
        callback,
      );
      upload.start(stream);
      return stream;
    });
    return upload.during(response);
  };
}

function serverStreaming(method: DescMethod, env: ClientEnvironment): ServerStreamingMethod {
  const path = methodPath(method);
  return async function* (request, options = {}) {
    const bytes = encode(method.input, request);
    const call = new ClientCall(method, env, options);
    const stream = env.client.makeServerStreamRequest(
      path,
      same<Buffer>,
      same<Buffer>,
      bytes,
      call.metadata,
      call.grpcOptions,
    );
    yield* readResponses(method, call, call.attach(stream));
  };
}

function bidiStreaming(method: DescMethod, env: ClientEnvironment): BidiStreamingMethod {
  const path = methodPath(method);
  return async function* (requests, options = {}) {
    const call = new ClientCall(method, env, options);
    const upload = new Upload(method, requests);
    const stream = env.client.makeBidiStreamRequest(
      path,
      same<Buffer>,
      same<Buffer>,
      call.metadata,
      call.grpcOptions,
    );
    upload.start(stream);
    try {
      yield* readResponses(method, call, call.attach(stream));
    } catch (fault) {
      throw upload.fault ?? fault;
    } finally {
      upload.stop();
    }
  };
}

type Answer = (error: ServiceError | null, bytes?: Buffer) => void;

/** Waits for the one response of a call. */
function answer(
  method: DescMethod,
  call: ClientCall,
  start: (callback: Answer) => ClientUnaryCall,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    const surface = start((error, bytes) => {
      if (error || !bytes) return reject(call.fail(error));
      call.succeed();
      failpoint("rpc.answered");
      resolve(decode(method.output, bytes));
    });
    call.attach(surface);
  });
}

/** Leaving the loop early cancels the call. */
async function* readResponses(
  method: DescMethod,
  call: ClientCall,
  stream: ClientReadableStream<Buffer>,
): AsyncGenerator<Message> {
  let fault: unknown;
  try {
    for await (const bytes of stream) yield decode(method.output, bytes as Buffer);
  } catch (error) {
    fault = error;
  } finally {
    // A cancelled call reports CANCELLED as an 'error' event; nobody waits for it any more.
    stream.on("error", ignore);
    stream.cancel();
    if (fault === undefined) call.succeed();
  }
  if (fault !== undefined) throw call.fail(fault);
}

/** Sends an async iterable as the request stream, at the pace of the transport, until the call is over. */
class Upload {
  /** What the caller's own iterable threw. */
  fault: unknown;
  readonly #method: DescMethod;
  readonly #requests: AsyncIterable<AnyInit>;
  readonly #over = new AbortController();

  constructor(method: DescMethod, requests: AsyncIterable<AnyInit>) {
    this.#method = method;
    this.#requests = requests;
  }

  start(stream: Writable & ClientUnaryCall): void {
    stream.on("error", ignore);
    this.#write(stream).catch((fault: unknown) => {
      if (!this.#over.signal.aborted) this.fault = fault;
      stream.cancel();
    });
  }

  stop(): void {
    this.#over.abort();
  }

  /** The response, or what the caller's iterable threw: a broken source must not look like a broken call. */
  async during(response: Promise<Message>): Promise<Message> {
    try {
      return await response;
    } catch (error) {
      throw this.fault ?? error;
    } finally {
      this.stop();
    }
  }

  async #write(stream: Writable): Promise<void> {
    for await (const request of this.#requests) {
      if (this.#over.signal.aborted) return;
      if (!stream.write(encode(this.#method.input, request)))
        await once(stream, "drain", { signal: this.#over.signal });
    }
    stream.end();
  }
}

function ignore(): void {
  // Failures are reported by the call's status.
}
