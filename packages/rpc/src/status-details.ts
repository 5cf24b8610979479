import { create, createRegistry, fromBinary, isMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack, type Duration } from "@bufbuild/protobuf/wkt";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  file_google_rpc_error_details,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
  type Status,
  StatusSchema,
} from "@gradients/contracts/google";
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { type FieldViolation, type RpcCode, RpcError, type RpcErrorOptions } from "./errors.ts";

const DETAILS_KEY = "grpc-status-details-bin";
const DOMAIN = "gradients.io";
const registry = createRegistry(file_google_rpc_error_details);

/** The gRPC status of an error: code, message, and the details as google.rpc.Status in the trailers. */
export function toStatus(error: RpcError, requestId: string): StatusObject {
  const metadata = new Metadata();
  const message = {
    code: status[error.code],
    message: error.message,
    details: packDetails(error, requestId),
  };
  metadata.set("x-request-id", requestId);
  metadata.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, create(StatusSchema, message))));
  return { code: status[error.code], details: error.message, metadata };
}

/** Any failure of a gRPC call as RpcError. Servers that send no details yield reason `GRPC_<CODE>`. */
export function parseRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (!isServiceError(error))
    return new RpcError("UNKNOWN", "UNKNOWN", error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  const code = codeName(error.code);
  const details = readDetails(error.metadata);
  const info = details.find((detail) => isMessage(detail, ErrorInfoSchema));
  return new RpcError(code, info?.reason ?? `GRPC_${code}`, error.details || error.message, {
    ...unpackOptions(details),
    cause: error,
  });
}

function packDetails(error: RpcError, requestId: string) {
  const details = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, { reason: error.reason, domain: DOMAIN, metadata: { ...error.metadata } }),
    ),
    anyPack(RequestInfoSchema, create(RequestInfoSchema, { requestId })),
  ];
  if (error.fieldViolations.length > 0) {
    const fieldViolations = error.fieldViolations.map(({ field, description, reason = "" }) => ({
      field,
      description,
      reason,
    }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (error.retryAfterMs !== undefined) {
    details.push(
      anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: toDuration(error.retryAfterMs) })),
    );
  }
  if (error.resource) {
    const { type, name } = error.resource;
    details.push(
      anyPack(ResourceInfoSchema, create(ResourceInfoSchema, { resourceType: type, resourceName: name })),
    );
  }
  return details;
}

function readDetails(metadata: Metadata | undefined): readonly Message[] {
  const [bytes] = metadata?.get(DETAILS_KEY) ?? [];
  if (!Buffer.isBuffer(bytes)) return [];
  return decodeStatus(bytes).details.flatMap((detail) => anyUnpack(detail, registry) ?? []);
}

/**
 * Details that are no google.rpc.Status are a foreign server's affair: the call's own status still counts.
 */
function decodeStatus(bytes: Uint8Array): Status {
  try {
    return fromBinary(StatusSchema, bytes);
  } catch {
    return create(StatusSchema);
  }
}

function unpackOptions(details: readonly Message[]): RpcErrorOptions {
  const info = details.find((detail) => isMessage(detail, ErrorInfoSchema));
  const retryDelay = details.find((detail) => isMessage(detail, RetryInfoSchema))?.retryDelay;
  const resource = details.find((detail) => isMessage(detail, ResourceInfoSchema));
  const requestId = details.find((detail) => isMessage(detail, RequestInfoSchema))?.requestId;
  return {
    fieldViolations: details
      .filter((detail) => isMessage(detail, BadRequestSchema))
      .flatMap((bad) => bad.fieldViolations.map(toViolation)),
    metadata: info?.metadata ?? {},
    ...(retryDelay && { retryAfterMs: toMilliseconds(retryDelay) }),
    ...(resource && { resource: { type: resource.resourceType, name: resource.resourceName } }),
    ...(requestId && { requestId }),
  };
}

function toViolation(violation: { field: string; description: string; reason: string }): FieldViolation {
  const { field, description, reason } = violation;
  return { field, description, ...(reason && { reason }) };
}

function toDuration(milliseconds: number): { seconds: bigint; nanos: number } {
  const whole = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(whole), nanos: Math.round((milliseconds - whole * 1000) * 1e6) };
}

function toMilliseconds(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

function codeName(code: status): RpcCode {
  const name = status[code] as keyof typeof status | undefined;
  return name === undefined || name === "OK" ? "UNKNOWN" : name;
}

function isServiceError(
  error: unknown,
): error is Error & { code: status; details: string; metadata?: Metadata } {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "number" &&
    "details" in error &&
    typeof error.details === "string"
  );
}
