import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { CallContext } from "@gradients/rpc";
import { digestBody, type RepeatableRequest } from "../app/answer-once.ts";
import { callerOf } from "./caller.ts";

/** The identity of a request that may be repeated: its id apart, two are the same when all their fields are. */
export function repeatable<Desc extends DescMessage>(
  ctx: CallContext,
  method: string,
  schema: Desc,
  request: MessageShape<Desc> & { readonly requestId: string },
): RepeatableRequest {
  const body = toBinary(schema, create(schema, { ...request, requestId: "" }));
  return {
    projectId: callerOf(ctx).projectId,
    method,
    requestId: request.requestId,
    bodySha256: digestBody(body),
  };
}
