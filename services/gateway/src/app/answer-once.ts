import { createHash } from "node:crypto";
import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Refused } from "../domain/refusal.ts";
import {
  type AnsweredRequest,
  findAnsweredRequest,
  insertAnsweredRequest,
  lockRequest,
  type RequestKey,
} from "../store/answered-requests.ts";
import type { GatewayTx } from "../store/database.ts";

/** A request that its caller may repeat. An empty request id makes every request a new one. */
export interface RepeatableRequest extends RequestKey {
  /** Digest of everything in the request but its id. */
  readonly bodySha256: Uint8Array;
}

/**
 * Runs `work` for a new request and stores its answer in the same transaction; gives the stored answer for a repeated one. Of two at once
 * the second waits for the first. Throws Refused when the id was used with another body; a `work` that throws stores nothing.
 */
export async function answerOnce<Desc extends DescMessage>(
  tx: GatewayTx,
  request: RepeatableRequest,
  schema: Desc,
  work: () => Promise<MessageShape<Desc>>,
): Promise<MessageShape<Desc>> {
  if (request.requestId === "") return work();
  await lockRequest(tx, request);
  const earlier = await findAnsweredRequest(tx, request);
  if (earlier) return sameAnswer(request, earlier, schema);
  const answer = await work();
  await insertAnsweredRequest(tx, request, {
    bodySha256: request.bodySha256,
    response: toBinary(schema, answer),
  });
  return answer;
}

export function sameAnswer<Desc extends DescMessage>(
  request: RepeatableRequest,
  earlier: AnsweredRequest,
  schema: Desc,
): MessageShape<Desc> {
  const isSame = Buffer.from(earlier.bodySha256).equals(request.bodySha256);
  if (!isSame) throw new Refused({ code: "request_id_reused", requestId: request.requestId });
  return fromBinary(schema, earlier.response);
}

/** Digest over parts of a body, each with its length, so that no two bodies run together. */
export function digestBody(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest();
}
