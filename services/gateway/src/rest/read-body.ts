import type { Readable } from "node:stream";
import type { JsonValue } from "@bufbuild/protobuf";
import { RpcError } from "@gradients/rpc";
import { HttpError } from "./problem.ts";

const MAX_JSON_BYTES = 1024 * 1024;

/** The body as JSON; undefined when there is none. Throws HttpError for what is too large, no JSON, or of another media type. */
export async function readJsonBody(
  body: Readable | undefined,
  contentType: string | undefined,
): Promise<JsonValue | undefined> {
  const text = await readText(body);
  if (text === "") return undefined;
  if (!/^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(contentType ?? ""))
    throw new HttpError(415, wrongMediaType(contentType));
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new RpcError("INVALID_ARGUMENT", "BODY_NOT_JSON", `the body must be JSON: ${detail}`, { cause });
  }
}

/** The chunks of a body. Whoever stops half-way leaves it open: destroying it would take the answer's connection along. */
export async function* readOpen(body: Readable | undefined): AsyncGenerator<Uint8Array> {
  if (body) yield* body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>; // HTTP bodies have no encoding set
}

async function readText(body: Readable | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readOpen(body)) {
    length += chunk.byteLength;
    if (length > MAX_JSON_BYTES) throw new HttpError(413, tooLarge());
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function wrongMediaType(found: string | undefined): RpcError {
  const message = `the body must be application/json; found ${found ?? "no content-type"}`;
  return new RpcError("INVALID_ARGUMENT", "MEDIA_TYPE_UNSUPPORTED", message);
}

function tooLarge(): RpcError {
  return new RpcError(
    "INVALID_ARGUMENT",
    "BODY_TOO_LARGE",
    `the body may have at most ${MAX_JSON_BYTES} bytes; this one has more`,
  );
}
