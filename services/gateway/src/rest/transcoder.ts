import type { Readable } from "node:stream";
import { type DescMethod, type Message, ScalarType, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type CallContext, RpcError } from "@gradients/rpc";
import type { Logger } from "@gradients/runtime";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type SentEvent, writeEvents } from "./event-stream.ts";
import type { Route } from "./http-rules.ts";
import { type HttpInput, readRequest } from "./json-request.ts";
import type { LocalCalls } from "./local-calls.ts";
import { HttpError, toRestError } from "./problem.ts";
import { readJsonBody } from "./read-body.ts";
import { traced } from "./traced.ts";

/** How the events of a streaming method are numbered, so that `Last-Event-ID` resumes it. Field names of the response and of the request. */
export interface ResumeFields {
  readonly offset: string;
  readonly after: string;
}

export interface TranscoderOptions {
  readonly routes: readonly Route[];
  readonly calls: LocalCalls;
  /** By method name. */
  readonly resumable: Readonly<Record<string, ResumeFields>>;
  readonly logger: Logger;
}

export interface TranscodedCall {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** Answers an HTTP request by the method whose rule its path and verb match: ProtoJSON in and out, streams as server-sent events. */
export async function transcode(options: TranscoderOptions, call: TranscodedCall): Promise<unknown> {
  const { pathname: path, searchParams: query } = new URL(call.request.raw.url ?? "/", "http://localhost");
  const found = findRoute(options.routes, call.request.method, path);
  return traced(call.request, found.route.template.source, () => answer(options, call, { ...found, query }));
}

async function answer(
  options: TranscoderOptions,
  call: TranscodedCall,
  { route, path, query }: FoundRoute,
): Promise<unknown> {
  const { request, signal } = call;
  const { headers, id: requestId } = request;
  const ctx = await options.calls.open(route.method, { headers, requestId, signal });
  const body = await readJsonBody(request.body as Readable | undefined, headers["content-type"]); // the server hands bodies on unread
  const message = decode(options, route, { path, query, body }, request);
  if (route.method.methodKind === "server_streaming") return stream(options, route, message, ctx, call);
  return encode(route, await options.calls.unary(route.method, message, ctx));
}

interface FoundRoute {
  readonly route: Route;
  readonly path: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
}

function findRoute(routes: readonly Route[], verb: string, path: string) {
  const matches = routes.flatMap((route) => {
    const found = route.template.match(path);
    return found ? [{ route, path: found }] : [];
  });
  const match = matches.find(({ route }) => route.verb === verb);
  if (match) return match;
  if (matches.length === 0)
    throw new RpcError(
      "NOT_FOUND",
      "PATH_UNKNOWN",
      `there is nothing at ${path}; /openapi.json lists what there is`,
    );
  const allowed = [...new Set(matches.map(({ route }) => route.verb))].join(", ");
  throw new HttpError(
    405,
    new RpcError("UNIMPLEMENTED", "VERB_UNKNOWN", `${path} takes ${allowed}; found ${verb}`),
    { allow: allowed },
  );
}

function decode(
  options: TranscoderOptions,
  route: Route,
  input: HttpInput,
  { headers }: FastifyRequest,
): Message {
  const message = readRequest(route, input);
  fillFromHeader(route.method, message, "request_id", headers["idempotency-key"]);
  const resume = options.resumable[route.method.name];
  if (resume) fillFromHeader(route.method, message, resume.after, headers["last-event-id"]);
  return message;
}

/** A header counts where the request does not set the field itself. */
function fillFromHeader(
  method: DescMethod,
  message: Message,
  fieldName: string,
  value: string | string[] | undefined,
): void {
  const field = method.input.fields.find(({ name }) => name === fieldName);
  const target = reflect(method.input, message);
  if (typeof value !== "string" || value === "" || field?.fieldKind !== "scalar" || target.isSet(field))
    return;
  target.set(field, field.scalar === ScalarType.STRING ? value : wholeNumber(fieldName, value));
}

function wholeNumber(field: string, value: string): bigint {
  if (/^\d{1,18}$/.test(value)) return BigInt(value);
  const description = `must be the id of an earlier event, a whole number; found "${value}"`;
  const violation = { field, reason: "TYPE_WRONG", description };
  throw new RpcError("INVALID_ARGUMENT", "INVALID_REQUEST", `${field} ${description}`, {
    fieldViolations: [violation],
  });
}

function encode({ method, responseBody }: Route, response: Message): unknown {
  if (!responseBody) return toJson(method.output, response);
  const json = toJson(method.output, response);
  return (json as Record<string, unknown>)[responseBody.jsonName] ?? {};
}

async function stream(
  options: TranscoderOptions,
  route: Route,
  request: Message,
  ctx: CallContext,
  { reply, request: http, signal }: TranscodedCall,
) {
  const messages = options.calls.serverStream(route.method, request, ctx)[Symbol.asyncIterator]();
  const first = await messages.next(); // what is refused at the start is still answered with its own status
  reply.hijack();
  const events = toEvents(route, options.resumable[route.method.name], first, messages);
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  await writeEvents(reply.raw, events, {
    requestId: http.id,
    signal,
    onFault: (fault) => logEnd(options.logger, http, fault),
  });
  return reply;
}

/** Clients that go away and a stopping server are everyday ends. */
function logEnd(logger: Logger, { id }: FastifyRequest, fault: unknown): void {
  const { code, cause } = toRestError(fault);
  logger[code === "INTERNAL" ? "error" : "debug"](
    { err: cause ?? fault, request_id: id },
    "event stream ended early",
  );
}

async function* toEvents(
  { method }: Route,
  resume: ResumeFields | undefined,
  first: IteratorResult<Message>,
  rest: AsyncIterator<Message>,
): AsyncGenerator<SentEvent> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield toEvent(method, resume, next.value);
  } finally {
    await rest.return?.();
  }
}

/** Named by the response's oneof, numbered by its offset. */
function toEvent({ output }: DescMethod, resume: ResumeFields | undefined, message: Message): SentEvent {
  const reflected = reflect(output, message);
  const name = output.oneofs
    .map((oneof) => reflected.oneofCase(oneof)?.name)
    .find((found) => found !== undefined);
  const offset = output.fields.find((field) => field.name === resume?.offset);
  const id = offset && reflected.isSet(offset) ? { id: `${reflected.get(offset) as bigint}` } : {};
  return { ...id, event: name ?? "message", data: JSON.stringify(toJson(output, message)) };
}
