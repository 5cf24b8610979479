import type { Readable } from "node:stream";
import { create, type Message, toJson } from "@bufbuild/protobuf";
import {
  DatasetSchema,
  GatewayService,
  UploadDatasetRequestSchema,
  type UploadDatasetResponse,
  type UploadHeader,
  UploadHeaderSchema,
} from "@gradients/contracts/gateway";
import type { FastifyRequest } from "fastify";
import { readQuery } from "./json-request.ts";
import type { LocalCalls } from "./local-calls.ts";
import { parsePathTemplate } from "./path-template.ts";
import type { TranscodedCall } from "./transcoder.ts";

/** The one method that HTTP rules cannot describe: its request is a stream. */
export const UPLOAD_PATH = "/v1/{parent=projects/*}/datasets:upload";

const template = parsePathTemplate(UPLOAD_PATH);
const method = GatewayService.method.uploadDataset;

export function isUpload(request: FastifyRequest): boolean {
  return request.method === "POST" && template.match(pathOf(request)) !== undefined;
}

/** Streams the body, which is the file itself, into the method; the header's fields come as query parameters. */
export async function receiveUpload(
  calls: LocalCalls,
  { request, reply, signal }: TranscodedCall,
): Promise<unknown> {
  const ctx = await calls.open(method, { headers: request.headers, requestId: request.id, signal });
  const response = await calls.clientStream(
    method,
    messages(headerOf(request), request.body as Readable),
    ctx,
  );
  const { dataset } = response as UploadDatasetResponse; // the method's output
  return reply.send(dataset ? toJson(DatasetSchema, dataset) : {});
}

function headerOf(request: FastifyRequest): UploadHeader {
  const header = readQuery(
    UploadHeaderSchema,
    new URL(request.raw.url ?? "/", "http://localhost").searchParams,
  ) as UploadHeader;
  header.parent = template.match(pathOf(request))?.get("parent") ?? "";
  const key = request.headers["idempotency-key"];
  if (header.requestId === "" && typeof key === "string") header.requestId = key;
  return header;
}

async function* messages(header: UploadHeader, body: Readable | undefined): AsyncGenerator<Message> {
  yield create(UploadDatasetRequestSchema, { content: { case: "header", value: header } });
  if (body === undefined) return;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    yield create(UploadDatasetRequestSchema, { content: { case: "chunk", value: chunk } });
  }
}

function pathOf(request: FastifyRequest): string {
  return new URL(request.raw.url ?? "/", "http://localhost").pathname;
}
