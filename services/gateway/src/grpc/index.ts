import type { Message } from "@bufbuild/protobuf";
import { GatewayService } from "@gradients/contracts/gateway";
import { type BoundMethod, bind, type CallContext, type RpcBinding } from "@gradients/rpc";
import { authenticate } from "../app/authenticate.ts";
import type { RateLimiter } from "../app/rate-limiter.ts";
import { cancelJob } from "./cancel-job.ts";
import { createApiKey } from "./create-api-key.ts";
import { createJob } from "./create-job.ts";
import { createSampleDataset } from "./create-sample-dataset.ts";
import type { MethodDeps } from "./deps.ts";
import { toRpcError } from "./errors.ts";
import { getCaller } from "./get-caller.ts";
import { getDataset } from "./get-dataset.ts";
import { getJob } from "./get-job.ts";
import { getJobResult } from "./get-job-result.ts";
import { listApiKeys } from "./list-api-keys.ts";
import { listDatasets } from "./list-datasets.ts";
import { listJobs } from "./list-jobs.ts";
import { listModels } from "./list-models.ts";
import { listRecipes } from "./list-recipes.ts";
import { revokeApiKey } from "./revoke-api-key.ts";
import { uploadDataset } from "./upload-dataset.ts";
import { watchJob } from "./watch-job.ts";

/** The gateway's methods, for every transport: refusals leave them as RpcErrors. */
export function createGatewayBinding(deps: MethodDeps): RpcBinding {
  const { service, methods } = bind(GatewayService, {
    getCaller: getCaller(deps),
    listModels: listModels(deps),
    listRecipes: listRecipes(deps),
    uploadDataset: uploadDataset(deps),
    createSampleDataset: createSampleDataset(deps),
    getDataset: getDataset(deps),
    listDatasets: listDatasets(deps),
    createJob: createJob(deps),
    getJob: getJob(deps),
    listJobs: listJobs(deps),
    cancelJob: cancelJob(deps),
    watchJob: watchJob(deps),
    getJobResult: getJobResult(deps),
    createApiKey: createApiKey(deps),
    listApiKeys: listApiKeys(deps),
    revokeApiKey: revokeApiKey(deps),
  });
  return { service, methods: methods.map(withErrors) };
}

/** Who calls, by the `authorization` metadata, and whether it is not too often. */
export const authenticateCall = (deps: Pick<MethodDeps, "keys" | "clock">, countCall: RateLimiter) => {
  const check = authenticate(deps);
  return async (ctx: CallContext) => {
    try {
      const caller = await check(ctx.metadata.get("authorization").map(String)[0]);
      countCall(caller.keyId);
      return caller;
    } catch (error) {
      throw toRpcError(error);
    }
  };
};

function withErrors(bound: BoundMethod): BoundMethod {
  switch (bound.kind) {
    case "unary":
      return {
        ...bound,
        invoke: (request: Message, ctx: CallContext) => mapped(() => bound.invoke(request, ctx)),
      };
    case "client_streaming":
      return {
        ...bound,
        invoke: (requests: AsyncIterable<Message>, ctx: CallContext) =>
          mapped(() => bound.invoke(requests, ctx)),
      };
    case "server_streaming":
      return {
        ...bound,
        invoke: (request: Message, ctx: CallContext) => mappedStream(bound.invoke(request, ctx)),
      };
    case "bidi_streaming":
      return {
        ...bound,
        invoke: (requests: AsyncIterable<Message>, ctx: CallContext) =>
          mappedStream(bound.invoke(requests, ctx)),
      };
  }
}

async function mapped<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toRpcError(error);
  }
}

async function* mappedStream<T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    throw toRpcError(error);
  }
}
