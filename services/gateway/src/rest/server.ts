import { existsSync } from "node:fs";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { join } from "node:path";
import fastifyMultipart from "@fastify/multipart";
import fastifyStatic from "@fastify/static";
import { newId } from "@gradients/kernel";
import { type CallContext, type RpcBinding, RpcError } from "@gradients/rpc";
import { type Addresses, type Logger, meter, type Part, requestSeconds } from "@gradients/runtime";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { addCors, securityHeaders } from "./headers.ts";
import { readRoutes } from "./http-rules.ts";
import { linger } from "./linger.ts";
import { createLocalCalls } from "./local-calls.ts";
import { openApiDocument } from "./openapi.ts";
import { PROBLEM_TYPE, toProblem, toRestError } from "./problem.ts";
import { traced } from "./traced.ts";
import { type ResumeFields, transcode } from "./transcoder.ts";
import { isUpload, receiveUpload, UPLOAD_PATH } from "./upload.ts";

export interface HttpPartOptions {
  readonly bindings: readonly RpcBinding[];
  readonly authenticate: (ctx: CallContext) => Promise<unknown>;
  readonly logger: Logger;
  readonly listen: { readonly host: string; readonly port: number };
  readonly corsOrigins: readonly string[];
  /** Folder of the built page. */
  readonly webRoot: string | undefined;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
}

/** How long a stop waits for open calls. */
const DRAIN_MS = 8_000;

const RESUMABLE: Readonly<Record<string, ResumeFields>> = {
  WatchJob: { offset: "offset", after: "after_offset" },
};

/** REST, server-sent events, the OpenAPI document and the page, in front of the same handlers as gRPC. Address: `http`. */
export function createHttpPart(options: HttpPartOptions): Part {
  const stopping = new AbortController();
  const app = fastify({
    forceCloseConnections: "idle",
    genReqId: requestIdOf,
    ...(options.tls && secured(options.tls)),
  });
  return {
    name: "http",
    start: () => listen(app, options, stopping.signal),
    stopTimeoutMs: DRAIN_MS + 2_000,
    stop: async () => {
      stopping.abort(new RpcError("UNAVAILABLE", "SERVER_STOPPING", "the server is stopping; call again"));
      const cutting = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
      await app.close();
      clearTimeout(cutting);
    },
  };
}

/** The type of the server stays that of a plain one, which it extends in all that is used of it. */
function secured(tls: NonNullable<HttpPartOptions["tls"]>) {
  return {
    serverFactory: (handler: RequestListener) => createSecureServer(tls, handler) as unknown as Server,
  };
}

async function listen(
  app: FastifyInstance,
  options: HttpPartOptions,
  stopping: AbortSignal,
): Promise<Addresses> {
  const { host, port } = options.listen;
  await prepare(app, options);
  addApi(app, options, stopping);
  if (options.webRoot !== undefined) await addPage(app, options.webRoot, options.logger);
  await app.listen({ host, port });
  const address = app.server.address();
  const scheme = options.tls ? "https" : "http";
  return {
    http: `${scheme}://${host}:${typeof address === "object" && address !== null ? address.port : port}`,
  };
}

async function prepare(app: FastifyInstance, { logger, corsOrigins }: HttpPartOptions): Promise<void> {
  app.removeAllContentTypeParsers();
  await app.register(fastifyMultipart, {
    limits: { files: 1, fileSize: Number.POSITIVE_INFINITY, fields: 20 },
  });
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload)); // bodies are read as streams
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ ...securityHeaders, "x-request-id": request.id });
    addCors(corsOrigins, request, reply);
  });
  app.addHook("onResponse", async ({ raw }) => linger(raw));
  timeRequests(app);
  app.setErrorHandler((fault, request, reply) => refuse(fault, request, reply, logger));
  app.setNotFoundHandler((request, reply) => refuse(nothingAt(request), request, reply, logger));
}

function addApi(
  app: FastifyInstance,
  { bindings, authenticate, logger }: HttpPartOptions,
  stopping: AbortSignal,
): void {
  const services = bindings.map(({ service }) => service);
  const routes = services.flatMap(readRoutes);
  const calls = createLocalCalls(bindings, authenticate);
  const document = openApiDocument(services, routes);
  app.get("/healthz", async () => ({ status: "serving" }));
  app.get("/openapi.json", async () => document);
  app.all("/v1/*", async (request, reply) => {
    if (request.method === "OPTIONS") return reply.status(204).send();
    const call = { request, reply, signal: AbortSignal.any([stopping, untilGone(reply)]) };
    return isUpload(request)
      ? traced(request, UPLOAD_PATH, () => receiveUpload(calls, call))
      : transcode({ routes, calls, resumable: RESUMABLE, logger }, call);
  });
}

/** Without the page the API is served all the same. */
async function addPage(app: FastifyInstance, root: string, logger: Logger): Promise<void> {
  if (!existsSync(join(root, "index.html"))) {
    logger.warn({ root }, "no built web page found, only the API is served");
    return;
  }
  await app.register(fastifyStatic, { root, wildcard: false, index: false });
  const page = async (_request: FastifyRequest, reply: FastifyReply) =>
    reply.header("cache-control", "no-cache").sendFile("index.html", { cacheControl: false });
  // The page's own addresses; anything else that is no file is unknown.
  for (const path of ["/", "/new", "/jobs/*"]) app.get(path, page);
}

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** A caller's id is taken over only when it is safe to log and to send back. */
/** The page's and the API's golden signals; routes are few, paths are not. */
function timeRequests(app: FastifyInstance): void {
  const duration = meter("@gradients/gateway").createHistogram("http.server.request.duration", {
    unit: "s",
    description: "Duration of HTTP requests by method, route and status.",
    advice: { explicitBucketBoundaries: requestSeconds },
  });
  app.addHook("onResponse", async (request, reply) =>
    duration.record(reply.elapsedTime / 1000, {
      "http.request.method": request.method,
      "http.route": request.routeOptions.url ?? "",
      "http.response.status_code": reply.statusCode,
    }),
  );
}

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : newId();
}

function untilGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished)
      gone.abort(new RpcError("CANCELLED", "CLIENT_GONE", "the client went away"));
  });
  return gone.signal;
}

function refuse(fault: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger): FastifyReply {
  const { status, headers, problem } = toProblem(fault, request.id);
  if (status >= 500) logFault(logger, fault, request);
  return reply.status(status).headers(headers).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

function logFault(logger: Logger, fault: unknown, { id, routeOptions }: FastifyRequest): void {
  const error = toRestError(fault);
  logger.error({ err: error.cause ?? error, request_id: id, path: routeOptions.url }, "request failed");
}

function nothingAt({ url }: FastifyRequest): RpcError {
  return new RpcError(
    "NOT_FOUND",
    "PATH_UNKNOWN",
    `there is nothing at ${url.split("?")[0]}; /openapi.json lists what there is`,
  );
}
