import { DatabaseError } from "pg";
import { isOutdatedPlan } from "./prepared-statements.ts";

/** A lock that somebody else held for longer than the pool's `lock_timeout`. */
const LOCK_NOT_AVAILABLE = "55P03";

/** SQLSTATEs after which the same transaction may well succeed: serialization failure, deadlock, and a lock that was taken. */
const transientCodes = new Set(["40001", "40P01", LOCK_NOT_AVAILABLE]);

/** Network errors and the SQLSTATEs of a server that goes away, comes up, has no room for another connection, or for this statement a lock. */
const outageCodes = new Set([
  LOCK_NOT_AVAILABLE,
  "57P01",
  "57P02",
  "57P03",
  "53300",
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
]);
const outageMessages = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Client has encountered a connection error",
  "timeout expired",
];

export function isTransient(error: unknown): boolean {
  if (isOutdatedPlan(error)) return true;
  return error instanceof DatabaseError && error.code !== undefined && transientCodes.has(error.code);
}

/** True when the database was away or too busy, as opposed to having refused a statement: the same call succeeds later. pg gives some of these errors no code, only a text. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (outageCodes.has(code) || code.startsWith("08")) return true;
  if (error instanceof AggregateError) return error.errors.some(isOutage);
  return outageMessages.some((text) => error.message.startsWith(text));
}

/** True when a unique index or primary key refused the row; `constraint` narrows it to one. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === "23505" &&
    (constraint === undefined || error.constraint === constraint)
  );
}
