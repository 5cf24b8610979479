import { randomUUID } from "node:crypto";
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
  const time = unixMilliseconds.toString(16).padStart(12, "0");
  const random = randomUUID().slice(15); // what follows the version's digit, from a pool of random bytes: the system is asked for some once in 128 ids
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random}` as Id;
}
