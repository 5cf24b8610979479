import { randomBytes } from "node:crypto";
import type { Brand } from "./brand.ts";

export type AccountId = Brand<string, "AccountId">;
export type AttemptId = Brand<string, "AttemptId">;
export type DatasetId = Brand<string, "DatasetId">;
export type EvaluationId = Brand<string, "EvaluationId">;
export type EventId = Brand<string, "EventId">;
export type JobId = Brand<string, "JobId">;
export type ModelId = Brand<string, "ModelId">;
export type RecipeId = Brand<string, "RecipeId">;

/**
 * A new UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random bits, so ids made later sort later to the millisecond.
 * `newId<JobId>()` gives it its brand.
 */
export function newId<Id extends string = string>(unixMilliseconds: number = Date.now()): Id {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(unixMilliseconds, 0, 6);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  const hex = bytes.toString("hex");
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    "-",
  );
  return uuid as Id;
}
