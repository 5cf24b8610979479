import { DatabaseError } from "pg";
import { isOutdatedPlan } from "./prepared-statements.ts";

/** SQLSTATEs after which the same transaction may well succeed: serialization failure and deadlock. */
const transientCodes = new Set(["40001", "40P01"]);

/** Network errors and the SQLSTATEs of a server that goes away, comes up, or has no room for another connection. */
const unreachableCodes = new Set([
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
const unreachableMessages = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Client has encountered a connection error",
  "timeout expired",
];

export function isTransient(error: unknown): boolean {
  if (isOutdatedPlan(error)) return true;
  return error instanceof DatabaseError && error.code !== undefined && transientCodes.has(error.code);
}

/** True when the database could not be reached, as opposed to having refused a statement. pg gives some of these errors no code, only a text. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (unreachableCodes.has(code) || code.startsWith("08")) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnreachable);
  return unreachableMessages.some((text) => error.message.startsWith(text));
}

/** True when a unique index or primary key refused the row; `constraint` narrows it to one. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof DatabaseError &&
    error.code === "23505" &&
    (constraint === undefined || error.constraint === constraint)
  );
}
