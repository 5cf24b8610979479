import { createHash } from "node:crypto";
import { err, ok, type Result } from "@gradients/kernel";

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;

/** What the caller must repeat for a token to be valid: the method, the parent, the filter. */
export type PageArguments = readonly string[];

/** 0 means the default, larger values are cut down (AIP-158). */
export function pageSizeOf(requested: number): number {
  return requested === 0 ? DEFAULT_PAGE_SIZE : Math.min(requested, MAX_PAGE_SIZE);
}

/**
 * An opaque token for "after this key", bound to the arguments of the call. The digest catches tokens of other calls and typing errors;
 * it needs no key, since a made-up token only moves the start within a listing that the owner check has already narrowed.
 */
export function encodePageToken(lastKey: string, args: PageArguments): string {
  return Buffer.from(JSON.stringify([digestOf(lastKey, args), lastKey])).toString("base64url");
}

/** The key to start after; undefined for the first page. */
export function decodePageToken(
  token: string,
  args: PageArguments,
): Result<string | undefined, "page_token_invalid"> {
  if (token === "") return ok(undefined);
  const [digest, lastKey] = readPair(token);
  if (typeof lastKey !== "string" || digest !== digestOf(lastKey, args)) return err("page_token_invalid");
  return ok(lastKey);
}

function digestOf(lastKey: string, args: PageArguments): string {
  return createHash("sha256")
    .update(JSON.stringify([lastKey, ...args]))
    .digest("base64url")
    .slice(0, 16);
}

function readPair(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    return Array.isArray(value) && value.length === 2 ? value : [];
  } catch {
    return []; // not written by encodePageToken; refused by the caller
  }
}
