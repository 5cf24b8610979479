import { manualClock } from "@gradients/kernel";
import { expect, test } from "vitest";
import type { StoredApiKey } from "../store/api-keys.ts";
import { createKeyCache, MAX_AGE_MS } from "./key-cache.ts";

/** A cache over a table in memory that notes each read. */
function setUp() {
  const clock = manualClock();
  const stored = new Map<string, StoredApiKey>([["a", keyOf("a")]]);
  const reads: string[] = [];
  const cache = createKeyCache(async (prefix) => {
    reads.push(prefix);
    return stored.get(prefix);
  }, clock);
  return { clock, stored, reads, cache };
}

test("calls of five seconds cost one read, and what has changed is seen with the next", async () => {
  const { clock, stored, reads, cache } = setUp();
  expect(MAX_AGE_MS).toBe(5_000);
  await Promise.all([cache.find("a"), cache.find("a")]);
  stored.set("a", keyOf("a", new Date()));
  await clock.advance(MAX_AGE_MS - 1);
  expect((await cache.find("a"))?.revokedAt).toBeUndefined();
  expect(reads).toEqual(["a"]);
  await clock.advance(1);
  expect((await cache.find("a"))?.revokedAt).toBeDefined();
});

test("a key that was forgotten while it was being read is read anew", async () => {
  const { stored, reads, cache } = setUp();
  const early = cache.find("a");
  stored.set("a", keyOf("a", new Date()));
  cache.forget("a");
  await early;
  expect((await cache.find("a"))?.revokedAt).toBeDefined();
  expect(reads).toEqual(["a", "a"]);
});

test("what does not exist, and what could not be read, is asked for each time", async () => {
  const { clock, reads, cache } = setUp();
  expect([await cache.find("b"), await cache.find("b")]).toEqual([undefined, undefined]);
  expect(reads).toEqual(["b", "b"]);
  let tries = 0;
  const failing = createKeyCache(() => Promise.reject(new Error(`${++tries}`)), clock);
  await expect(failing.find("a")).rejects.toThrow("1");
  await expect(failing.find("a")).rejects.toThrow("2");
});

test("keeps ten thousand keys, the newest", async () => {
  const reads: string[] = [];
  const cache = createKeyCache(async (prefix) => {
    reads.push(prefix);
    return keyOf(prefix);
  }, manualClock());
  for (let index = 0; index <= 10_000; index += 1) await cache.find(`${index}`);
  await cache.find("1");
  expect(reads).toHaveLength(10_001);
  await cache.find("0");
  expect(reads).toHaveLength(10_002);
});

function keyOf(prefix: string, revokedAt?: Date): StoredApiKey {
  return {
    keyId: prefix,
    projectId: "p" as StoredApiKey["projectId"],
    displayName: "",
    prefix,
    secretSha256: new Uint8Array(32),
    createdAt: new Date(0),
    expiresAt: undefined,
    revokedAt,
  };
}
