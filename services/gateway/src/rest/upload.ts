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
import { RpcError } from "@gradients/rpc";
import type { FastifyRequest } from "fastify";
import { readQuery } from "./json-request.ts";
import type { LocalCalls } from "./local-calls.ts";
import { parsePathTemplate } from "./path-template.ts";
import { readOpen } from "./read-body.ts";
import type { TranscodedCall } from "./transcoder.ts";

/** The one method that HTTP rules cannot describe: its request is a stream. */
export const UPLOAD_PATH = "/v1/{parent=projects/*}/datasets:upload";

const template = parsePathTemplate(UPLOAD_PATH);
const method = GatewayService.method.uploadDataset;

export function isUpload(request: FastifyRequest): boolean {
  return request.method === "POST" && template.match(pathOf(request)) !== undefined;
}

/**
 * Streams the file into the method. The body is the file itself, or a form with the file as its last part; the header's fields come as query parameters
 * or as earlier parts of the form.
 */
export async function receiveUpload(
  calls: LocalCalls,
  { request, reply, signal }: TranscodedCall,
): Promise<unknown> {
  const ctx = await calls.open(method, { headers: request.headers, requestId: request.id, signal });
  const { fields, content } = request.isMultipart() ? await readForm(request) : rawBody(request);
  const requests = messages(headerOf(request, fields), content);
  const response = await calls.clientStream(method, requests, ctx);
  const { dataset } = response as UploadDatasetResponse; // the method's output
  return reply.send(dataset ? toJson(DatasetSchema, dataset) : {});
}

interface SentFile {
  /** Of the header, by name. */
  readonly fields: URLSearchParams;
  readonly content: AsyncIterable<Uint8Array>;
}

function rawBody(request: FastifyRequest): SentFile {
  const fields = new URL(request.raw.url ?? "/", "http://localhost").searchParams;
  return { fields, content: readOpen(request.body as Readable | undefined) }; // the server hands bodies on unread
}

async function readForm(request: FastifyRequest): Promise<SentFile> {
  const { fields } = rawBody(request);
  const part = await request.file().catch(refuseForm);
  for (const [name, value] of Object.entries(part?.fields ?? {})) {
    if (value && !Array.isArray(value) && value.type === "field") fields.append(name, String(value.value));
  }
  if (part?.filename && !fields.has("fileName") && !fields.has("file_name"))
    fields.append("fileName", part.filename);
  return { fields, content: readPart(part?.file) };
}

async function* readPart(file: Readable | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* readOpen(file);
  } catch (cause) {
    refuseForm(cause);
  }
}

function refuseForm(cause: unknown): never {
  const detail = cause instanceof Error ? cause.message : String(cause);
  throw new RpcError(
    "INVALID_ARGUMENT",
    "FORM_UNREADABLE",
    `the form must be complete multipart/form-data: ${detail}`,
    { cause },
  );
}

function headerOf(request: FastifyRequest, fields: URLSearchParams): UploadHeader {
  const header = readQuery(UploadHeaderSchema, fields) as UploadHeader; // read by that schema
  header.parent = template.match(pathOf(request))?.get("parent") ?? "";
  const key = request.headers["idempotency-key"];
  if (header.requestId === "" && typeof key === "string") header.requestId = key;
  return header;
}

async function* messages(header: UploadHeader, content: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  yield create(UploadDatasetRequestSchema, { content: { case: "header", value: header } });
  for await (const value of content)
    yield create(UploadDatasetRequestSchema, { content: { case: "chunk", value } });
}

function pathOf(request: FastifyRequest): string {
  return new URL(request.raw.url ?? "/", "http://localhost").pathname;
}
