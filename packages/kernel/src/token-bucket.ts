/** What a caller has left: `tokens` at the moment `at` (milliseconds); it fills up by itself. */
export interface TokenBucket {
  readonly tokens: number;
  readonly at: number;
}

export interface RateLimit {
  /** Calls per second in the long run. */
  readonly perSecond: number;
  /** Calls at once after a pause. */
  readonly burst: number;
}

type Taken =
  | { readonly ok: true; readonly bucket: TokenBucket }
  | { readonly ok: false; readonly retryAfterMs: number };

/** Takes one token, or says after how long there will be one. Nobody has called before when there is no bucket. */
export function takeToken(bucket: TokenBucket | undefined, now: number, limit: RateLimit): Taken {
  const tokens = bucket ? tokensAt(bucket, now, limit) : limit.burst;
  if (tokens >= 1) return { ok: true, bucket: { tokens: tokens - 1, at: now } };
  return { ok: false, retryAfterMs: Math.ceil(((1 - tokens) / limit.perSecond) * 1_000) };
}

/** A full bucket says no more than none. */
export function isFull(bucket: TokenBucket, now: number, limit: RateLimit): boolean {
  return tokensAt(bucket, now, limit) >= limit.burst;
}

function tokensAt({ tokens, at }: TokenBucket, now: number, { perSecond, burst }: RateLimit): number {
  const seconds = Math.max(0, now - at) / 1_000; // a clock that was set back refills nothing
  return Math.min(burst, tokens + seconds * perSecond);
}
