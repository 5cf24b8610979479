import {
  type GatewayService,
  type UploadDatasetRequest,
  type UploadHeader,
  UploadHeaderSchema,
} from "@gradients/contracts/gateway";
import { mappingFromProto } from "@gradients/dataset";
import type { CallContext, MethodImpl } from "@gradients/rpc";
import { type UploadDataset, uploadDataset as upload } from "../app/upload-dataset.ts";
import { invalid, Refused } from "../domain/refusal.ts";
import { ownProject } from "./caller.ts";
import type { MethodDeps } from "./deps.ts";
import { repeatable } from "./request-key.ts";

export const uploadDataset =
  (deps: MethodDeps): MethodImpl<typeof GatewayService.method.uploadDataset> =>
  async (requests, ctx) => {
    const messages = requests[Symbol.asyncIterator]();
    try {
      return { dataset: await receive(deps, messages, ctx) };
    } finally {
      void messages.return?.(); // not awaited: a client that has stalled must not hold up its answer
    }
  };

async function receive(deps: MethodDeps, messages: AsyncIterator<UploadDatasetRequest>, ctx: CallContext) {
  const first = await messages.next();
  if (first.done || first.value.content.case !== "header")
    throw new Refused({ code: "upload_header_missing" });
  const command = decode(first.value.content.value, ctx);
  return upload({ ...deps, limits: deps.config.uploads })(command, chunksOf(messages), ctx.signal);
}

function decode(header: UploadHeader, ctx: CallContext): UploadDataset {
  const chosenMapping = mappingFromProto(header.columns);
  if (header.columns?.shape.case && !chosenMapping)
    throw invalid(incompleteColumns(header.columns.shape.case));
  return {
    projectId: ownProject(ctx, header.parent),
    fileName: header.fileName,
    size: header.size,
    sha256: header.sha256,
    chosenMapping,
    model: header.model,
    attribution: "",
    request: repeatable(ctx, "UploadDataset", UploadHeaderSchema, header),
    isContentCompared: true,
  };
}

function incompleteColumns(shape: "instruct" | "chat") {
  const needed = shape === "chat" ? "messages" : "instruction and output";
  const description = `must name the columns for ${needed}, or be left out so that they are found by name; found an empty name`;
  return { field: `header.columns.${shape}`, reason: "COLUMNS_INCOMPLETE", description };
}

async function* chunksOf(messages: AsyncIterator<UploadDatasetRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    const { content } = next.value;
    if (content.case === "header") throw new Refused({ code: "upload_header_repeated" });
    if (content.case === "chunk") yield content.value;
  }
}
