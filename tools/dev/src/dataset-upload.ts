import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type Dataset,
  Dataset_State,
  type GatewayService,
  type UploadDatasetRequestSchema,
} from "@gradients/contracts/gateway";
import type { RpcClient } from "@gradients/rpc";

type Message = MessageInitShape<typeof UploadDatasetRequestSchema>;
type Header = Extract<Message["content"], { case: "header" }>["value"];

const POLL_MS = 200;

/** What UploadDataset is sent: the header, then the file in chunks as they come. */
export async function* datasetUpload(
  header: Header,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncIterable<Message> {
  yield { content: { case: "header", value: header } };
  for await (const value of chunks) yield { content: { case: "chunk", value } };
}

/** Resolves once the gateway has looked through all rows. */
export async function untilChecked(
  gateway: RpcClient<typeof GatewayService>,
  name: string,
  signal?: AbortSignal,
): Promise<Dataset> {
  for (;;) {
    const { dataset } = await gateway.getDataset({ name });
    if (dataset !== undefined && dataset.state !== Dataset_State.CHECKING) return dataset;
    await delay(POLL_MS, undefined, { signal });
  }
}
