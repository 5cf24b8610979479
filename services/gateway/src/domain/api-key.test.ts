import { expect, test } from "vitest";
import {
  API_KEY_BYTES,
  type ApiKeyRecord,
  checkApiKey,
  digestOfApiKey,
  formatApiKey,
  prefixOfApiKey,
} from "./api-key.ts";

const now = new Date("2026-11-24T12:00:00Z");
const key = formatApiKey(new Uint8Array(API_KEY_BYTES).fill(0xab));
const record: ApiKeyRecord = {
  prefix: "ababababab",
  secretSha256: digestOfApiKey(key),
  expiresAt: undefined,
  revokedAt: undefined,
};

test("a key carries a findable prefix and 256 secret bits", () => {
  expect(key).toBe(`grd_ababababab_${"ab".repeat(32)}`);
  expect(prefixOfApiKey(key)).toBe("ababababab");
  expect(prefixOfApiKey(`${key}0`)).toBeUndefined();
  expect(prefixOfApiKey("Bearer x")).toBeUndefined();
});

test("the right secret passes and a wrong one does not", () => {
  expect(checkApiKey(key, record, now)).toEqual({ ok: true, value: undefined });
  const wrong = key.replace(/.$/, "0");
  expect(checkApiKey(wrong, record, now)).toEqual({ ok: false, error: "api_key_invalid" });
});

test("a key ends at its expiry and at its revocation, and only its owner learns which", () => {
  const expired = { ...record, expiresAt: now };
  expect(checkApiKey(key, expired, now)).toEqual({ ok: false, error: "api_key_expired" });
  expect(checkApiKey(key, expired, new Date(now.getTime() - 1)).ok).toBe(true);
  expect(checkApiKey(key, { ...record, revokedAt: now }, now)).toEqual({
    ok: false,
    error: "api_key_revoked",
  });
  expect(checkApiKey(key.replace(/.$/, "0"), expired, now)).toEqual({ ok: false, error: "api_key_invalid" });
});
