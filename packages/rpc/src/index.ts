export { Metadata } from "@grpc/grpc-js";
export { type BoundMethod, bind, type RpcBinding } from "./bind.ts";
export { createRpcClient, type RpcClientOptions } from "./client.ts";
export {
  asRpcError,
  type ErrorResource,
  type FieldViolation,
  type RpcCode,
  RpcError,
  type RpcErrorOptions,
} from "./errors.ts";
export { createRpcPart, type RpcPartOptions } from "./server.ts";
export type { CallContext, CallOptions, MethodImpl, RpcClient, ServiceImpl } from "./service-types.ts";
export { parseRpcError } from "./status-details.ts";
export { createRequestValidator, type Validate } from "./validation.ts";
