import { createHash, timingSafeEqual } from "node:crypto";
import { err, ok, type Result } from "@gradients/kernel";

const PREFIX_BYTES = 5;
const SECRET_BYTES = 32;
/** Random bytes that a new key is made from. */
export const API_KEY_BYTES = PREFIX_BYTES + SECRET_BYTES;
export const API_KEY_PATTERN = /^grd_([0-9a-f]{10})_[0-9a-f]{64}$/;

/** A key as it is kept: the prefix finds it, the digest proves it. The secret itself is not here. */
export interface ApiKeyRecord {
  readonly prefix: string;
  readonly secretSha256: Uint8Array;
  readonly expiresAt: Date | undefined;
  readonly revokedAt: Date | undefined;
}

export type ApiKeyRejection = "api_key_invalid" | "api_key_expired" | "api_key_revoked";

/** `grd_<prefix>_<secret>` in hexadecimal, the secret of 256 bits, from API_KEY_BYTES random bytes. */
export function formatApiKey(random: Uint8Array): string {
  const hex = Buffer.from(random).toString("hex");
  return `grd_${hex.slice(0, PREFIX_BYTES * 2)}_${hex.slice(PREFIX_BYTES * 2)}`;
}

/** The public first part of a key; undefined when the text is no key at all. */
export function prefixOfApiKey(key: string): string | undefined {
  return API_KEY_PATTERN.exec(key)?.[1];
}

/** A random secret of 256 bits needs no slow hash: SHA-256 of the whole key. */
export function digestOfApiKey(key: string): Buffer {
  return createHash("sha256").update(key, "utf8").digest();
}

/** Expiry and revocation are told only to someone who has shown the secret. */
export function checkApiKey(key: string, record: ApiKeyRecord, now: Date): Result<void, ApiKeyRejection> {
  if (!timingSafeEqual(digestOfApiKey(key), record.secretSha256)) return err("api_key_invalid");
  if (record.revokedAt) return err("api_key_revoked");
  if (record.expiresAt && record.expiresAt <= now) return err("api_key_expired");
  return ok();
}
