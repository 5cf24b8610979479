import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { failpoint } from "@gradients/kernel";
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerErrorResponse,
  StatusObject,
} from "@grpc/grpc-js";
import type { BoundMethod } from "./bind.ts";
import { type CallEnvironment, OpenCall } from "./call.ts";
import { decode, encode } from "./codec.ts";
import type { AnyInit } from "./service-types.ts";

/** A handler over bytes: messages are coded inside. */
type ByteHandler =
  | handleUnaryCall<Buffer, Buffer>
  | handleClientStreamingCall<Buffer, Buffer>
  | handleServerStreamingCall<Buffer, Buffer>
  | handleBidiStreamingCall<Buffer, Buffer>;

type Bound<Kind extends BoundMethod["kind"]> = Extract<BoundMethod, { kind: Kind }>;

/** The grpc-js handler of a bound method. */
export function createHandler(bound: BoundMethod, env: CallEnvironment): ByteHandler {
  switch (bound.kind) {
    case "unary":
      return unary(bound, env);
    case "server_streaming":
      return serverStreaming(bound, env);
    case "client_streaming":
      return clientStreaming(bound, env);
    case "bidi_streaming":
      return bidiStreaming(bound, env);
  }
}

function unary({ method, invoke }: Bound<"unary">, env: CallEnvironment): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const open = new OpenCall(call, method, env, (status) => callback(status));
    open.run(async () => {
      const request = readRequest(method, call.request, env);
      failpoint("rpc.request-read");
      const response = await invoke(request, open.ctx);
      const bytes = encode(method.output, response);
      failpoint("rpc.before-answer");
      if (open.succeed()) callback(null, bytes);
    });
  };
}

function clientStreaming(
  { method, invoke }: Bound<"client_streaming">,
  env: CallEnvironment,
): handleClientStreamingCall<Buffer, Buffer> {
  return (call, callback) => {
    const open = new OpenCall(call, method, env, (status) => callback(status));
    open.run(async () => {
      const response = await invoke(readRequests(method, call, env, open), open.ctx);
      const bytes = encode(method.output, response);
      if (open.succeed()) callback(null, bytes);
    });
  };
}

function serverStreaming(
  { method, invoke }: Bound<"server_streaming">,
  env: CallEnvironment,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const open = new OpenCall(call, method, env, (status) => endWithStatus(call, status));
    open.run(async () => {
      const responses = invoke(readRequest(method, call.request, env), open.ctx);
      await writeAll(method, responses, call, open);
      if (open.succeed()) call.end();
    });
  };
}

function bidiStreaming(
  { method, invoke }: Bound<"bidi_streaming">,
  env: CallEnvironment,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    const open = new OpenCall(call, method, env, (status) => endWithStatus(call, status));
    open.run(async () => {
      const responses = invoke(readRequests(method, call, env, open), open.ctx);
      await writeAll(method, responses, call, open);
      if (open.succeed()) call.end();
    });
  };
}

function readRequest(method: DescMethod, bytes: Buffer, env: CallEnvironment): Message {
  const request = decode(method.input, bytes);
  env.validate(method.input, request);
  return request;
}

/** The caller's messages, each checked. Throws the call's own error when the caller broke off. */
async function* readRequests(
  method: DescMethod,
  call: Readable,
  env: CallEnvironment,
  open: OpenCall,
): AsyncGenerator<Message> {
  try {
    for await (const bytes of call.iterator({ destroyOnReturn: false }))
      yield readRequest(method, bytes as Buffer, env);
  } catch (fault) {
    open.ctx.signal.throwIfAborted();
    throw fault;
  }
  await confirmEnd(open);
}

/**
 * grpc-js shows a caller that breaks off as a proper end of the stream first and as a cancellation right
 * after. Half an upload must not pass for a whole one: sending the headers makes grpc-js look, and a turn of
 * the event loop later the signal knows.
 */
async function confirmEnd(open: OpenCall): Promise<void> {
  open.sendHeaders();
  await setImmediate();
  open.ctx.signal.throwIfAborted();
}

/** Writes at the pace of the transport. Leaving the loop early runs the handler's `finally` blocks. */
async function writeAll(
  method: DescMethod,
  responses: AsyncIterable<AnyInit>,
  call: Writable,
  open: OpenCall,
): Promise<void> {
  const { signal } = open.ctx;
  for await (const response of responses) {
    signal.throwIfAborted();
    open.sendHeaders();
    if (!call.write(encode(method.output, response))) await once(call, "drain", { signal });
  }
}

/** grpc-js ends a response stream with a status when that is emitted as its error. */
function endWithStatus(call: Writable, status: StatusObject): void {
  call.emit("error", Object.assign(new Error(status.details), status) satisfies ServerErrorResponse);
}
