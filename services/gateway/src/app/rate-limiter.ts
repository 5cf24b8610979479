import { type Clock, isFull, type RateLimit, type TokenBucket, takeToken } from "@gradients/kernel";
import { Refused } from "../domain/refusal.ts";

/** Counts a call of an API key; throws Refused when it has called too often. */
export type RateLimiter = (keyId: string) => void;

/** That many keys are remembered before those that have been quiet are forgotten. */
const MAX_KEPT = 10_000;

/** Each process counts for itself: several replicas let that many times more through. */
export function createRateLimiter(clock: Clock, limit: RateLimit): RateLimiter {
  const buckets = new Map<string, TokenBucket>();
  return (keyId) => {
    const now = clock.elapsedMs();
    const taken = takeToken(buckets.get(keyId), now, limit);
    if (!taken.ok) throw new Refused({ code: "rate_limited", retryAfterMs: taken.retryAfterMs, ...limit });
    buckets.set(keyId, taken.bucket);
    if (buckets.size > MAX_KEPT) forgetQuiet(buckets, now, limit);
  };
}

function forgetQuiet(buckets: Map<string, TokenBucket>, now: number, limit: RateLimit): void {
  for (const [keyId, bucket] of buckets) if (isFull(bucket, now, limit)) buckets.delete(keyId);
}
